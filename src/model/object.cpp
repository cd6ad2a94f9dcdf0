#include "model/object.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace portcullis::model {

bool Meta::has_finalizer(std::string_view wanted) const {
  return std::ranges::find(finalizers, wanted) != finalizers.end();
}

bool came_before(const Meta& a, const Meta& b) {
  return std::tie(a.created, a.uid) < std::tie(b.created, b.uid);
}

const char* to_string(Truth truth) {
  switch (truth) {
    case Truth::no:
      return "False";
    case Truth::yes:
      return "True";
    case Truth::unknown:
      return "Unknown";
  }
  return "Unknown";
}

}  // namespace portcullis::model
