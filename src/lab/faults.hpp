#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "base/time.hpp"
#include "lab/wire.hpp"

namespace portcullis::lab {

/// What a fault does to the request that it meets.
struct FaultAction {
  enum class Kind {
    status,       ///< answers `status`, `body`, `headers`; no effect
    throttle,     ///< 429 with `retry_after` verbatim as Retry-After (absent if empty); no effect
    delay,        ///< the usual effect and answer, `seconds` later
    lost_answer,  ///< the usual effect, then the connection closes without an answer
    drop_before,  ///< no effect, the connection closes without an answer
    silence,      ///< no effect and no answer; the connection closes `seconds` (300) later
    late_effect,  ///< the connection closes at once; the effect comes `seconds` later
    fail_operation,    ///< the operation that the request starts ends as Failed
    cancel_operation,  ///< … ends as Canceled, superseded by another
    slow_operation,    ///< … runs `seconds` longer; negative: for ever
    foreign_priority,  ///< just before a rule PUT, somebody else takes its priority
    stale_answer,      ///< a GET that was asked before: the answer of then; else the usual
    patch,  ///< the usual effect; `body` changes the answer's JSON: an object is merged into it
            ///< (RFC 7386), a list is applied to it (RFC 6902)
    text,   ///< the usual effect; the answer's text is bent: no JSON needs to be left of it
  };

  Kind kind = Kind::status;
  int status = 0;  ///< 0: 500 for `status`, the usual for `patch` and `text`
  Json body = nullptr;
  std::vector<net::Header> headers{};  ///< set; one with an empty value is taken away
  std::string find{};                  ///< text: its first occurrence …
  std::string replacement{};           ///< … becomes this
  std::int64_t length = -1;  ///< text: then cut, or filled up with spaces, to so many bytes
  std::string retry_after{};
  double seconds = 0;
  bool keeps_effect =
      false;  ///< fail_operation, cancel_operation: whether the write stands all the same
};

/// The kind's name in the admin interface: "lostAnswer", …
const char* to_string(FaultAction::Kind kind);

/// Matches requests by method and by a regular expression that must be found in the target.
struct Fault {
  std::string id{};
  std::string method{};  ///< empty: any
  std::string path{};
  std::int64_t times = 1;  ///< how often it strikes; negative: always
  std::int64_t after = 0;  ///< how many matching requests it lets pass first
  FaultAction action{};
  std::int64_t hits = 0;
  std::regex expression{};
};

/// The faults on demand, in order of their making; the first that strikes wins a request.
class Faults {
 public:
  /// The action for this request, if a fault strikes. Counts.
  std::optional<FaultAction> strike(const net::Request& request);

  /// As the admin interface takes them: one fault is added, a list takes the place of all there
  /// were. All or none. The ids they got.
  tl::expected<Json, std::string> add(const Json& description);
  void clear() { faults_.clear(); }
  bool remove(const std::string& id);
  Json list() const;

 private:
  std::vector<Fault> faults_;
  std::uint64_t made_ = 0;
};

}  // namespace portcullis::lab
