#include "api/status_hash.hpp"

namespace portcullis::api {

std::uint64_t status_hash(const nlohmann::json& status) {
  nlohmann::json kept = nlohmann::json::object();
  if (status.is_object()) {
    for (const auto& [key, value] : status.items()) {
      if (!value.is_null()) kept[key] = value;
    }
  }
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace portcullis::api
