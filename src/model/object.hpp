#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "model/interned.hpp"

namespace portcullis::model {

/// What every Kubernetes object has.
struct Meta {
  std::string ns{};  ///< empty for cluster-scoped kinds
  std::string name{};
  std::string uid{};
  std::string resource_version{};
  std::int64_t generation = 0;
  TimePoint created{};
  bool deleting = false;                            ///< has a deletionTimestamp
  Interned<std::vector<std::string>> finalizers{};  ///< ours and others'

  std::string key() const { return ns.empty() ? name : ns + "/" + name; }
  bool has_finalizer(std::string_view finalizer) const;
};

/// Oldest first, then by uid: who came first owns what two objects claim.
bool came_before(const Meta& a, const Meta& b);

enum class Truth : std::uint8_t { no, yes, unknown };
const char* to_string(Truth truth);  ///< "False", "True", "Unknown"

struct Condition {
  std::string type;
  Truth status = Truth::unknown;
  std::string reason;
  std::string message{};
};

/// What somebody else did to rules of a grant.
struct DriftNote {
  Name reason;
  Name message;

  auto operator<=>(const DriftNote&) const = default;
};

/// Of the status that an object came with, what a new one has to be compared with or carries on.
/// Status is a cache: nothing here decides what is written to a cloud.
struct SeenStatus {
  struct Change {
    Name type;
    Truth status;
    TimePoint changed;

    auto operator<=>(const Change&) const = default;
  };

  std::uint64_t hash = 0;  ///< of the whole status, in canonical JSON
  Name state{};
  std::vector<Change> changes{};  ///< last transition of each condition
  std::optional<TimePoint> opened_at{};
  std::optional<TimePoint> closed_at{};
  std::optional<DriftNote> drift{};  ///< condition Drifted, once it is True

  auto operator<=>(const SeenStatus&) const = default;
};

/// Finalizer of the kinds whose end needs work in a cloud.
inline constexpr const char* finalizer = "portcullis.dev/close";

}  // namespace portcullis::model
