#include "model/interned.hpp"

#include <map>

#include "model/request.hpp"

namespace portcullis::model {
namespace {

/// By comparison, not by hash: whoever makes up requests cannot make this slow. Never destroyed:
/// objects that live until the process ends may still hold something.
template <typename T>
std::map<T, std::size_t>& pool() {
  static auto& all = *new std::map<T, std::size_t>;
  return all;
}

}  // namespace

template <typename T>
typename Interned<T>::Entry* Interned<T>::keep(T value) {
  if (value == nothing()) return nullptr;
  Entry& entry = *pool<T>().try_emplace(std::move(value), 0).first;
  ++entry.second;
  return &entry;
}

template <typename T>
void Interned<T>::forget(const Entry& entry) {
  auto& all = pool<T>();
  all.erase(all.find(entry.first));
}

template <typename T>
const T& Interned<T>::nothing() {
  static const T& value = *new T{};
  return value;
}

template <typename T>
std::size_t Interned<T>::kept() {
  return pool<T>().size();
}

template class Interned<std::string>;
template class Interned<std::vector<std::string>>;
template class Interned<std::vector<PortSelection>>;
template class Interned<std::vector<GrantedMachine>>;
template class Interned<Identity>;
template class Interned<SeenStatus>;

}  // namespace portcullis::model
