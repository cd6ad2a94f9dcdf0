#include "plan/steady_text.hpp"

#include <re2/re2.h>

#include <algorithm>

namespace portcullis::plan {
namespace {

/// Whether what stands before an id says that it names something that lasts.
bool names_something(std::string_view before) {
  static const re2::RE2 lasting(
      "(?i)(/|(client|object|application|app|principal|tenant|directory|subscription|identifier)"
      "( ?id)?( with)?( identifier)?[ :='\"(]*)$");
  constexpr std::size_t enough = 40;
  before.remove_prefix(before.size() - std::min(before.size(), enough));
  return re2::RE2::PartialMatch(re2::StringPiece(before.data(), before.size()), lasting);
}

}  // namespace

std::string steady_text(std::string_view error) {
  static const re2::RE2 changing(
      "(\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d)?"
      "|\\d{8}T\\d{6}(?:\\.\\d+)?Z"
      "|\\d{1,2}/\\d{1,2}/\\d{4} \\d{1,2}:\\d\\d:\\d\\d(?: [AP]M)?)"
      "|(?i:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}))");
  std::string steady;
  const re2::StringPiece text(error.data(), error.size());
  std::size_t done = 0;
  re2::StringPiece found[3];
  while (changing.Match(text, done, text.size(), re2::RE2::UNANCHORED, found, 3)) {
    const auto at = static_cast<std::size_t>(found[0].data() - error.data());
    steady += error.substr(done, at - done);
    const bool is_id = found[2].data() != nullptr;
    if (is_id && names_something(error.substr(0, at))) {
      steady += error.substr(at, found[0].size());
    } else {
      steady += is_id ? "(id)" : "(time)";
    }
    done = at + found[0].size();
  }
  return steady += error.substr(done);
}

}  // namespace portcullis::plan
