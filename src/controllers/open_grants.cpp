#include "controllers/open_grants.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/request_status.hpp"
#include "plan/rule_codec.hpp"
#include "plan/verdict_status.hpp"

namespace portcullis::controllers {
namespace {

/// When it ended, if it did: early as this process knows it, or by its time.
std::optional<TimePoint> ended_at(const World& world, const model::AccessVerdict& verdict) {
  std::optional<TimePoint> end;
  if (verdict.ended) end = verdict.ended->at;
  const auto seen = world.ended_seen.find(verdict.meta.uid);
  if (!end && seen != world.ended_seen.end()) end = seen->second.end.at;
  const TimePoint by_time = plan::ends_at(verdict);
  if (world.clock.now() >= by_time) end = std::min(end.value_or(by_time), by_time);
  return end;
}

/// Whether it was over and done with before this process began, as far as it is told.
bool was_settled_before(const World& world, const model::AccessVerdict& verdict, TimePoint end) {
  if (end >= world.began) return false;
  const auto request = world.stores.requests.find(verdict.meta.ns + "/" + verdict.request_name);
  if (!request || request->meta.uid != verdict.request_uid) return !plan::says_overdue(verdict);
  return plan::is_final(request->status.state);
}

bool stands(const model::SecurityGroup& group, const std::string& name) {
  return std::ranges::any_of(group.rules, [&](const model::SecurityRule& rule) {
    return model::ascii_lower(rule.name) == model::ascii_lower(name);
  });
}

/// How many open rules of a group are past their own end, by its last reading; the earliest end.
std::size_t count_expired(const World& world, const GroupView& view, TimePoint now,
                          std::optional<TimePoint>& earliest) {
  std::size_t count = 0;
  const auto note = [&](TimePoint until) {
    ++count;
    earliest = std::min(earliest.value_or(until), until);
  };
  if (!view.group) return 0;
  for (const auto& change : view.plan.changes) {
    if (change.kind != plan::Change::Kind::remove ||
        change.change_class != plan::ChangeClass::close) {
      continue;
    }
    const auto mark = plan::read_mark(change.rule, world.instance);
    const auto* own = std::get_if<plan::OwnMark>(&mark);
    if (own != nullptr && own->kind == plan::RuleKind::open && own->expired(now)) note(*own->until);
  }
  // Those that were rightly there when the group was last read, and whose end came since.
  for (const auto& wanted : view.plan.wanted) {
    if (wanted.mark.kind == plan::RuleKind::open && wanted.mark.expired(now) &&
        stands(*view.group, wanted.rule.name)) {
      note(*wanted.mark.until);
    }
  }
  return count;
}

}  // namespace

OpenGrants count_open_grants(const World& world) {
  const TimePoint now = world.clock.now();
  OpenGrants out;
  std::optional<TimePoint> oldest;
  for (const auto& verdict : world.stores.verdicts.all()) {
    const std::string& uid = verdict->meta.uid;
    if (!verdict->granted || world.proven_closed.contains(uid) ||
        !plan::counts(*verdict, world.operator_name)) {
      continue;
    }
    const auto end = ended_at(world, *verdict);
    // One that ended before its start never let anybody in.
    if (end && *end < plan::starts_at(*verdict)) continue;
    if (end && was_settled_before(world, *verdict, *end)) continue;
    if (world.stood.contains(uid)) ++out.open;
    if (!end) continue;
    ++out.overdue;
    oldest = std::min(oldest.value_or(*end), *end);
  }
  std::size_t rules = 0;
  for (const auto& [key, view] : world.groups) rules += count_expired(world, view, now, oldest);
  out.overdue = std::max(out.overdue, rules);
  if (oldest) out.oldest_overdue = std::max(now - *oldest, Duration(0));
  return out;
}

void count_grants(const World& world, const model::JitPolicy& policy,
                  plan::PolicyFindings& findings) {
  for (const auto& verdict : world.verdict_index.of_policy(policy.meta.uid)) {
    if (world.is_live(*verdict)) ++findings.active_grants;
    // What its time ended was ended by nothing that came later, and thousands may be kept.
    const bool by_time = !verdict->ended && !world.ended_seen.contains(verdict->meta.uid) &&
                         world.clock.now() >= plan::ends_at(*verdict);
    if (by_time) continue;
    const auto end = world.early_end(*verdict);
    if (!end || end->reason != plan::reason::suspended) continue;
    ++findings.suspended;
    const auto request = world.stores.requests.find(verdict->meta.ns + "/" + verdict->request_name);
    const bool settled = !request || request->meta.uid != verdict->request_uid ||
                         plan::is_final(request->status.state);
    if (settled || world.proven_closed.contains(verdict->meta.uid)) ++findings.closed;
  }
}

}  // namespace portcullis::controllers
