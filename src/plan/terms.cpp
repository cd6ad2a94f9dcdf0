#include "plan/terms.hpp"

#include <re2/re2.h>

#include "plan/reasons.hpp"
#include "plan/scope.hpp"
#include "plan/words.hpp"

namespace portcullis::plan {
namespace {

Decision refuse(const char* why, std::string message) {
  return {.kind = Decision::Kind::refuse, .reason = why, .message = std::move(message)};
}

Finding targets_are_named(const Case& c) {
  for (const std::string& wanted : c.request.targets) {
    const auto found = find_targets(c.targets, wanted);
    if (found.size() > 1) {
      std::string names;
      for (const TargetState* one : found) {
        names +=
            (names.empty() ? "" : ", ") + one->machine.resource_group + "/" + one->machine.name;
      }
      return refuse(reason::ambiguous_target, "target \"" + wanted + "\" names " +
                                                  std::to_string(found.size()) +
                                                  " machines of the policy: write one of " + names);
    }
    // A policy that has not been looked at yet may still turn out to have it.
    if (found.empty() && c.targets_current) {
      return refuse(
          reason::target_not_in_policy,
          "asks for target \"" + wanted + "\", the policy has " + list_targets(c.targets));
    }
  }
  return {};
}

Finding ports_are_in_policy(const Case& c) {
  for (const auto& port : c.request.ports) {
    if (find_port(*c.policy, port) == nullptr) {
      return refuse(reason::port_not_in_policy,
                    "asks for port " + words(port) + ", the policy has " + list_ports(*c.policy));
    }
  }
  return {};
}

Finding sources_are_allowed(const Case& c) {
  for (const auto& port : c.request.ports) {
    const auto& allowed = *find_port(*c.policy, port);
    for (const auto& source : c.request.sources) {
      const int least =
          source.family == model::Family::ipv4 ? allowed.min_prefix_ipv4 : allowed.min_prefix_ipv6;
      if (source.length < least) {
        return refuse(reason::source_too_broad,
                      "asks for source " + to_string(source) + " on port " + words(port) +
                          ", the policy allows /" + std::to_string(least) + " or longer");
      }
      if (!source_allowed(allowed, source)) {
        return refuse(reason::source_not_allowed,
                      "asks for source " + to_string(source) + " on port " + words(port) +
                          ", the policy allows " + list_prefixes(allowed.allowed_sources));
      }
    }
  }
  return {};
}

Finding duration_is_allowed(const Case& c) {
  for (const auto& port : c.request.ports) {
    const auto& allowed = *find_port(*c.policy, port);
    if (c.request.duration > allowed.max_duration) {
      return refuse(reason::duration_too_long,
                    "asks for " + format_duration(c.request.duration) + " on port " + words(port) +
                        ", the policy allows " + format_duration(allowed.max_duration));
    }
  }
  return {};
}

Finding reason_is_given(const Case& c) {
  if (c.policy->reason_required && c.request.reason.empty()) {
    return refuse(reason::reason_required, "spec.reason is empty, the policy demands one");
  }
  const std::string& pattern = c.policy->reason_pattern;
  if (pattern.empty()) return {};
  // Each request that waits is held against it again and again, and a short pattern can be a huge
  // machine: such a one would take all the time that there is.
  constexpr std::int64_t largest_machine = 256 << 10;
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(largest_machine);
  const re2::RE2 matcher(pattern, options);
  // A pattern that cannot be read demands something unknown: nothing satisfies it.
  if (!matcher.ok() || !re2::RE2::PartialMatch(c.request.reason, matcher)) {
    return refuse(reason::reason_not_accepted,
                  "spec.reason \"" + c.request.reason + "\" does not match the policy's pattern " +
                      pattern + (matcher.ok() ? "" : " (which is no RE2, or too large a one)"));
  }
  return {};
}

Finding start_is_near(const Case& c) {
  if (!c.request.start_at) return {};
  const TimePoint latest = c.request.meta.created + c.policy->max_ahead;
  if (*c.request.start_at > latest) {
    return refuse(reason::starts_too_late, "spec.startAt " + format_rfc3339(*c.request.start_at) +
                                               " is more than " +
                                               format_duration(c.policy->max_ahead) + " ahead");
  }
  if (*c.request.start_at + c.request.duration <= c.now) {
    return refuse(reason::timed_out, "the window from " + format_rfc3339(*c.request.start_at) +
                                         " for " + format_duration(c.request.duration) +
                                         " has passed");
  }
  return {};
}

}  // namespace

Finding asks_within_terms(const Case& the_case) {
  static constexpr Finding (*terms[])(const Case&) = {
      targets_are_named,   ports_are_in_policy, sources_are_allowed,
      duration_is_allowed, reason_is_given,     start_is_near,
  };
  for (const auto term : terms) {
    if (auto finding = term(the_case)) return finding;
  }
  return {};
}

std::optional<std::string> no_longer_allowed(const model::AccessVerdict& verdict,
                                             const model::JitPolicy& policy) {
  for (const auto& port : verdict.ports) {
    const auto* allowed = find_port(policy, port);
    if (allowed == nullptr) return "port " + words(port) + " is no longer in the policy";
    if (verdict.duration > allowed->max_duration) {
      return "it was granted for " + format_duration(verdict.duration) +
             ", the policy now allows " + format_duration(allowed->max_duration);
    }
    for (const auto& source : verdict.sources) {
      const int least = source.family == model::Family::ipv4 ? allowed->min_prefix_ipv4
                                                             : allowed->min_prefix_ipv6;
      if (source.length < least || !source_allowed(*allowed, source)) {
        return "source " + to_string(source) + " is no longer allowed on port " + words(port);
      }
    }
  }
  for (const auto& target : verdict.targets) {
    if (!may_have_machine(policy, target.resource_id)) {
      return "machine " + target.resource_id + " is no longer in the policy";
    }
  }
  return std::nullopt;
}

}  // namespace portcullis::plan
