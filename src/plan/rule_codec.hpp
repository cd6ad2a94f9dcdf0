#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.hpp"
#include "model/security_rule.hpp"

namespace portcullis::plan {

/// What a rule of ours is for. `lock` Deny: the ports of a policy. `keep` Allow: its exceptions,
/// above the locks. `open` Allow: grants. `shut` Deny: closes many grants in one write.
enum class RuleKind { lock, keep, open, shut };

const char* to_string(RuleKind kind);

/// A rule that is not ours. One of another instance can be told apart, for reports and for reaping.
struct ForeignMark {
  std::string instance{};          ///< empty: no Portcullis wrote it
  std::optional<RuleKind> kind{};  ///< of the other instance's rule, if its mark can be read
  std::optional<TimePoint> until{};
};

/// A rule of ours. `owner` is set for lock and keep, `until` for open and shut.
struct OwnMark {
  RuleKind kind = RuleKind::lock;
  std::string owner{};
  std::optional<TimePoint> until{};

  bool expired(TimePoint now) const { return until && *until <= now; }
};

/// The name says that it is ours, the description does not say what it is. It is reported, never
/// removed: only a wanted rule of that very name overwrites it.
struct UnreadableMark {
  std::string why;
};

using Mark = std::variant<ForeignMark, OwnMark, UnreadableMark>;

/// Whether a text can be an instance: eight characters a-z or 0-9.
bool is_instance(std::string_view text);

/// The instance in a name of the form "portcullis-<instance>-…", whatever follows; in lower case.
std::optional<std::string> instance_of(std::string_view name);

/// Reads name and description together: the kinds in both must agree. Names compare without regard
/// to case, as in ARM. Unknown `key=value` words behind the known ones are let pass, so that an old
/// closer understands a newer writer; any other text makes the mark unreadable.
Mark read_mark(std::string_view name, std::string_view description, std::string_view instance);
Mark read_mark(const model::SecurityRule& rule, std::string_view instance);

/// "portcullis-<instance>-<kind>-<hash20>": `identity` says in full which rule it is.
std::string rule_name(std::string_view instance, RuleKind kind, std::string_view identity);

/// "portcullis/v1 open until=2026-11-22T18:45:00Z", "portcullis/v1 lock owner=…"; at most 140
/// characters, nothing that a user wrote. `until` is cut to whole seconds.
std::string describe(const OwnMark& mark);

/// The owner of a policy's locks: a hash of account, namespace and name, so that a policy
/// re-created under its name finds its locks again. 16 characters.
std::string owner_of(std::string_view account, std::string_view name_space,
                     std::string_view policy);

/// The rule in a form that lets nobody in and shuts nobody out (Deny from 192.0.2.1/32 or
/// 2001:db8::1/128, documentation addresses): for a rule that the cloud does not let us delete.
/// Keeps name, mark, priority and destination, so that it is ours as before.
model::SecurityRule make_inert(model::SecurityRule rule);

/// Whether the rule is in that form.
bool is_inert(const model::SecurityRule& rule);

}  // namespace portcullis::plan
