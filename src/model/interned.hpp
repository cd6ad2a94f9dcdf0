#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace portcullis::model {

/// A value that thousands of objects have alike, kept once for all that hold it: a pointer in each
/// instead of a copy. Cannot be changed, only replaced. Reads and compares like a T. It is kept for
/// as long as somebody holds it; to look it up takes logarithmic time, whatever the values. One
/// thread.
///
/// Exists for the types that are instantiated in interned.cpp.
template <typename T>
class Interned {
  static constexpr bool is_text = std::same_as<T, std::string>;
  static constexpr bool is_list = !is_text && requires(const T& value) { value.begin(); };
  using Compared = std::conditional_t<is_text, std::string_view, const T&>;
  template <typename U>
  struct ElementOf {
    using Type = U;
  };
  template <typename U>
    requires is_list
  struct ElementOf<U> {
    using Type = typename U::value_type;
  };

 public:
  Interned() = default;
  Interned(std::initializer_list<typename ElementOf<T>::Type> elements)
    requires is_list
      : entry_(keep(T(elements))) {}
  template <typename U>
    requires(std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, Interned>)
  Interned(U&& value) : entry_(keep(T(std::forward<U>(value)))) {}
  Interned(const Interned& other) : entry_(other.entry_) {
    if (entry_ != nullptr) ++entry_->second;
  }
  Interned(Interned&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Interned& operator=(Interned other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~Interned() {
    if (entry_ != nullptr && --entry_->second == 0) forget(*entry_);
  }

  const T& get() const { return entry_ != nullptr ? entry_->first : nothing(); }
  const T& operator*() const { return get(); }
  const T* operator->() const { return &get(); }
  operator const T&() const { return get(); }
  operator std::string_view() const
    requires is_text
  {
    return get();
  }
  bool empty() const { return entry_ == nullptr; }  ///< holds a T{}

  auto begin() const
    requires is_list
  {
    return get().begin();
  }
  auto end() const
    requires is_list
  {
    return get().end();
  }

  /// Equal values have one place.
  friend bool operator==(const Interned& a, const Interned& b) { return a.entry_ == b.entry_; }
  template <typename U>
    requires(!std::same_as<U, Interned> && std::convertible_to<const U&, Compared>)
  friend bool operator==(const Interned& a, const U& b) {
    return Compared(a.get()) == Compared(b);
  }

  friend auto operator<=>(const Interned& a, const Interned& b) { return a.get() <=> b.get(); }

  /// How many different values there are, T{} apart: for tests.
  static std::size_t kept();

 private:
  using Entry = std::pair<const T, std::size_t>;  ///< and how many hold it

  /// Counted for the one who asks; null for T{}.
  static Entry* keep(T value);
  static void forget(const Entry& entry);
  static const T& nothing();

  Entry* entry_ = nullptr;
};

/// A text that many objects have: a name, a reason.
using Name = Interned<std::string>;

inline std::string operator+(const Name& a, std::string_view b) {
  return std::string(a.get()).append(b);
}
inline std::string operator+(std::string a, const Name& b) { return std::move(a.append(b.get())); }

}  // namespace portcullis::model
