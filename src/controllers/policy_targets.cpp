#include "controllers/policy_targets.hpp"

#include <algorithm>

#include "controllers/account_problem.hpp"
#include "controllers/ambiguity.hpp"
#include "controllers/selections.hpp"
#include "model/condition_types.hpp"
#include "model/resource_id.hpp"
#include "plan/reasons.hpp"
#include "plan/scope.hpp"
#include "plan/steady_text.hpp"
#include "plan/words.hpp"

namespace portcullis::controllers {
namespace {

using State = plan::TargetState::State;

// Where no list tells whether a machine changed, its ways are read again after that.
constexpr Duration read_for = std::chrono::seconds(30);

model::PrefixSet addresses_of(const model::VirtualMachine& machine) {
  std::vector<model::Prefix> out;
  out.reserve(machine.paths.size());
  for (const auto& path : machine.paths) out.push_back(path.address);
  return model::PrefixSet::of(out);
}

std::string words(const model::PolicyTarget& selector) {
  std::string text = "selector of resource group \"" + selector.resource_group + "\"";
  for (const auto& [name, value] : selector.tags) text += ", tag " + name + "=" + value;
  return text;
}

/// "web_0": how scale sets name their instances where those are no machines of their own.
bool is_named_like_instance(std::string_view name) {
  const auto last = name.rfind('_');
  return last != std::string_view::npos && last > 0 && last + 1 < name.size() &&
         std::ranges::all_of(name.substr(last + 1), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether its status says that all was as wanted.
bool is_said_to_be_ready(const model::JitPolicy& policy) {
  return std::ranges::any_of(policy.status.changes, [](const auto& condition) {
    return condition.type == model::condition_type::ready && condition.status == model::Truth::yes;
  });
}

/// Why a machine that may well be there could not be read, if it is the cloud that keeps us from
/// it.
std::string reason_unread(const Error& error) {
  switch (error.kind) {
    case Error::Kind::unauthorized:
    case Error::Kind::forbidden:
    case Error::Kind::throttled:
    case Error::Kind::timeout:
    case Error::Kind::unavailable:
      return describe_unread(error).reason;
    default:
      return {};
  }
}

/// One look at a policy's machines, from whom to read to what became of each.
class TargetSearch {
 public:
  TargetSearch(World& world, const model::JitPolicy& policy, const model::CloudAccount& account)
      : world_(world), policy_(policy), account_(account) {}

  /// The machines to read: what the spec names, and whom a selector may pick.
  std::vector<std::string> ids() {
    std::map<std::string, std::string> wanted;
    for (const auto& target : policy_.targets) {
      if (target.name.empty() || !may_have(target.resource_group)) continue;
      const std::string id =
          model::virtual_machine_id(account_.subscription, target.resource_group, target.name);
      wanted.emplace(model::resource_key(id), id);
    }
    if (plan::has_selector(policy_)) {
      for (const auto& [key, candidate] : selection_of(world_, policy_).candidates) {
        if (in_scope(candidate.id)) wanted.emplace(key, candidate.id);
      }
    }
    std::vector<std::string> ids;
    ids.reserve(wanted.size());
    for (auto& [key, id] : wanted) ids.push_back(std::move(id));
    return ids;
  }

  PolicyTargets judge(const std::vector<std::string>& ids, std::vector<Result<Done>> reads) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      reads_.emplace(model::resource_key(ids[i]), std::move(reads[i]));
    }
    std::set<std::string> named;
    for (const auto& target : policy_.targets) {
      if (!target.name.empty()) named.insert(judge_named(target));
    }
    if (plan::has_selector(policy_)) {
      const auto before = let_go();
      judge_candidates(named);
      found_.released = let_go() != before;
      judge_selectors();
    }
    return std::move(found_);
  }

 private:
  bool may_have(const std::string& resource_group) const {
    return model::allows(account_, policy_.meta.ns, resource_group);
  }

  bool in_scope(const std::string& id) const {
    const auto parsed = model::parse_resource_id(id);
    return parsed && may_have(parsed->resource_group);
  }

  std::string judge_named(const model::PolicyTarget& wanted) {
    plan::TargetState target;
    target.machine.resource_group = wanted.resource_group;
    target.machine.name = wanted.name;
    target.machine.id =
        model::virtual_machine_id(account_.subscription, wanted.resource_group, wanted.name);
    const std::string key = model::resource_key(target.machine.id);
    if (!may_have(wanted.resource_group)) {
      found_.complete = false;  // what leaves the scope stays locked
      target.state = State::out_of_scope;
      target.message = out_of_scope(wanted.resource_group);
    } else {
      judge_read(target);
    }
    found_.list.push_back(std::move(target));
    return key;
  }

  void judge_read(plan::TargetState& target) {
    const std::string key = model::resource_key(target.machine.id);
    const auto read = reads_.find(key);
    // Others read, too, and the next machine's answer took its time.
    const auto known = world_.machines.find(key);
    const bool is_known = known != world_.machines.end();
    if (read == reads_.end() || (read->second && (!is_known || !known->second.machine))) {
      found_.complete = false;
      target.message = "changed while it was read";
      found_.error =
          Error{.kind = Error::Kind::conflict, .message = target.machine.id + " " + target.message};
    } else if (!read->second) {
      const Error& error = read->second.error();
      found_.missing = found_.missing ||
                       (error.kind == Error::Kind::not_found && !(is_known && known->second.gone));
      // Gone for good is known as well as there.
      found_.complete = found_.complete && is_known && known->second.gone;
      if (error.kind == Error::Kind::not_found) {
        target.message = describe_missing(target.machine);
      } else if (error.kind == Error::Kind::unsupported) {
        target.state = State::unsupported;
        target.message = plan::steady_text(error.message);
      } else {
        target.reason = reason_unread(error);
        target.message = "cannot be read: " + plan::steady_text(error.message);
        if (!found_.error) found_.error = error;
      }
    } else {
      target.machine = *known->second.machine;
      target.state = State::locking;
    }
  }

  std::string describe_missing(const model::VirtualMachine& machine) const {
    std::string text = "machine \"" + machine.resource_group + "/" + machine.name +
                       "\" does not exist in subscription " + account_.subscription;
    if (is_named_like_instance(machine.name)) {
      text +=
          "; instances of a scale set with uniform orchestration are no machines of their own "
          "and cannot be locked (use flexible orchestration)";
    }
    return text;
  }

  void judge_candidates(const std::set<std::string>& named) {
    Selection& selection = selection_of(world_, policy_);
    for (const auto& target : found_.list) add_candidate(selection, account_, target.machine.id);
    for (auto it = selection.candidates.begin(); it != selection.candidates.end();) {
      auto& [key, candidate] = *it;
      note_addresses(selection, key, candidate);
      const bool stays = named.contains(key) || judge_candidate(key, candidate);
      if (!stays) give_up(selection, key, candidate);
      it = stays ? std::next(it) : selection.candidates.erase(it);
    }
  }

  const model::VirtualMachine* freshly_read(const std::string& key) const {
    const auto read = reads_.find(key);
    const auto known = world_.machines.find(key);
    const bool fresh = read != reads_.end() && read->second && known != world_.machines.end();
    return fresh && known->second.machine ? &*known->second.machine : nullptr;
  }

  bool is_gone(const std::string& key) const {
    const auto known = world_.machines.find(key);
    return known != world_.machines.end() && known->second.gone;
  }

  static void give_up(Selection& selection, const std::string& key,
                      const Selection::Candidate& candidate) {
    auto& let_go = selection.let_go[key];
    let_go = let_go.unite(candidate.addresses);
  }

  std::map<std::string, model::PrefixSet> let_go() const {
    const auto selection = world_.selections.find(policy_.meta.key());
    return selection == world_.selections.end() ? std::map<std::string, model::PrefixSet>{}
                                                : selection->second.let_go;
  }

  /// What the machine had when it was last read, and has no longer.
  void note_addresses(Selection& selection, const std::string& key,
                      Selection::Candidate& candidate) const {
    if (const auto* machine = freshly_read(key)) {
      const auto now = addresses_of(*machine);
      give_up(selection, key, candidate);
      selection.let_go[key] = selection.let_go[key].subtract(now);
      candidate.addresses = now;
    } else if (is_gone(key)) {
      give_up(selection, key, candidate);
    }
  }

  /// False: it is not the policy's.
  bool judge_candidate(const std::string& key, const Selection::Candidate& candidate) {
    if (!in_scope(candidate.id)) {
      found_.complete = false;
      return true;  // what leaves the scope stays locked
    }
    if (is_gone(key)) return false;
    if (const auto* machine = freshly_read(key); machine && !plan::has_machine(policy_, *machine)) {
      return false;
    }
    plan::TargetState target;
    const auto id = model::parse_resource_id(candidate.id);
    target.machine.id = candidate.id;
    target.machine.resource_group = id->resource_group;
    target.machine.name = id->name;
    judge_read(target);
    selected_.insert(key);
    found_.list.push_back(std::move(target));
    return true;
  }

  void judge_selectors() {
    const Selection& selection = selection_of(world_, policy_);
    found_.listed = selection.listed_for == policy_.meta.generation && selection.recalled;
    for (const auto& target : policy_.targets) {
      if (!target.name.empty()) continue;
      if (!may_have(target.resource_group)) {
        found_.complete = false;
        complain(plan::reason::out_of_scope, out_of_scope(target.resource_group));
      } else if (!found_.listed) {
        complain(selection.error ? plan::reason::cloud_error : plan::reason::locking,
                 selection.error
                     ? "the machines of the " + words(target) +
                           " cannot be listed: " + selection.error->message
                     : "the machines of the " + words(target) + " have not been listed yet");
      } else if (const auto since = unlisted_since(world_, account_)) {
        complain(plan::reason::cloud_error,
                 "the machines of the " + words(target) + " were last listed at " +
                     format_rfc3339(*since) + ", those that came since are not locked: " +
                     world_.inventories.at(account_.meta.name).error->message);
      } else if (!picks_any(target)) {
        complain(plan::reason::nothing_selected,
                 "the " + words(target) + " fits no machine that the account can see");
      }
    }
    found_.complete = found_.complete && found_.listed;
  }

  bool picks_any(const model::PolicyTarget& selector) const {
    return std::ranges::any_of(found_.list, [&](const plan::TargetState& target) {
      return plan::selects(selector, target.machine.id, target.machine.tags) ||
             ((target.state == State::unresolved || target.state == State::unsupported) &&
              selected_.contains(model::resource_key(target.machine.id)));
    });
  }

  void complain(const char* reason, std::string problem) {
    if (!found_.problem.empty()) return;
    found_.problem_reason = reason;
    found_.problem = std::move(problem);
  }

  std::string out_of_scope(const std::string& resource_group) const {
    return "CloudAccount \"" + account_.meta.name + "\" does not give resource group \"" +
           resource_group + "\" to namespace \"" + policy_.meta.ns + "\"";
  }

  World& world_;
  const model::JitPolicy& policy_;
  const model::CloudAccount& account_;
  std::map<std::string, Result<Done>> reads_;
  std::set<std::string> selected_;
  PolicyTargets found_;
};

}  // namespace

Task<PolicyTargets> gather_targets(World& world, std::shared_ptr<const model::JitPolicy> policy,
                                   std::shared_ptr<const model::CloudAccount> account) {
  TargetSearch search(world, *policy, *account);
  const auto ids = search.ids();
  const auto before = world.policy_views.find(policy->meta.key());
  const bool looked_at = before != world.policy_views.end() &&
                         before->second.uid == policy->meta.uid &&
                         before->second.generation == policy->meta.generation;
  // Who writes a policy waits for its locks, until all its machines have been read once. What was
  // ready before, told by whoever was before us, too, can wait: after a start there may be
  // thousands.
  const bool changed = before != world.policy_views.end() && !looked_at;
  const bool can_wait =
      !changed && (is_said_to_be_ready(*policy) || (looked_at && before->second.complete));
  // Who changes a policy wants to know how its machines are now.
  auto reads = co_await world.survey_machines(
      account->meta.name, ids,
      {.max_age = read_for,
       .may_stand = looked_at,
       .work = can_wait ? cloud::Work::survey : cloud::Work::opening});
  co_return search.judge(ids, std::move(reads));
}

}  // namespace portcullis::controllers
