#include "controllers/evidence_unknown.hpp"

#include "controllers/evidence_rules.hpp"
#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"
#include "plan/steady_text.hpp"

namespace portcullis::controllers {
namespace {

using model::resource_key;

/// Whether a rule named like ours, with a mark that cannot be read, lets in whom this grant let in.
bool looks_open(const World& world, const model::AccessVerdict& verdict,
                const model::SecurityRule& rule) {
  const auto mark = plan::read_mark(rule, world.instance);
  if (!std::holds_alternative<plan::UnreadableMark>(mark)) return false;
  if (rule.access != model::Access::allow || plan::is_inert(rule)) return false;
  return may_let_in_for(world, verdict, rule);
}

/// Without its account nobody vouches for what is in the cloud; says so, and what to do.
std::optional<Unknown> lost_account(const World& world, const model::AccessVerdict& verdict,
                                    const std::string& machine_id) {
  const auto* account = world.account_of(machine_id);
  const auto id = model::parse_resource_id(machine_id);
  const auto policy = world.stores.policies.find(verdict.meta.ns + "/" + verdict.policy_name);
  std::string name;
  if (account != nullptr) {
    if (world.stores.accounts.find(account->meta.name) != nullptr) return std::nullopt;
    name = account->meta.name;
  } else if (policy && policy->meta.uid == verdict.policy_uid) {
    name = policy->account;
  }
  const std::string subscription = "subscription " + (id ? id->subscription : machine_id);
  const std::string what =
      name.empty() ? "no CloudAccount has " + subscription
                   : "CloudAccount \"" + name + "\" " + why_missing(world.stores.accounts, name);
  if (!why_unreadable(world.stores.accounts, name).empty()) {
    return Unknown{.message = what + ", so nobody can prove that it is closed: mend the account"};
  }
  return Unknown{
      .message = what + ", so nobody can prove that it is closed: apply the account again, with " +
                 subscription + ", or see to it without Kubernetes (portcullis reap)"};
}

/// Whether it is over by itself, soon: one 404 is not believed, and a throttle says when it ends.
bool passes(const Error& error) {
  return error.kind == Error::Kind::not_found || error.kind == Error::Kind::throttled;
}

/// `what` has not been read: looking failed, or it has not been tried yet.
Unknown unread(const std::string& what, const std::optional<Error>& error, const char* not_yet) {
  if (!error) return {.message = what + not_yet, .hindered = false};
  return {.message = what + " cannot be read: " + plan::steady_text(error->message),
          .hindered = !passes(*error)};
}

Unknown unswept(const World& world, const std::string& account) {
  const auto view = world.account_views.find(account);
  return unread("CloudAccount \"" + account + "\"",
                view == world.account_views.end() ? std::nullopt : view->second.error,
                ": its groups have not all been read yet");
}

Unknown unread_machine(const std::string& id, const MachineView* view) {
  return unread("machine " + model::short_name(id), view == nullptr ? std::nullopt : view->error,
                " has not been read yet");
}

}  // namespace

std::optional<Unknown> what_is_unknown(const World& world, const model::AccessVerdict& verdict) {
  for (const auto& target : verdict.targets) {
    if (auto lost = lost_account(world, verdict, target.resource_id)) return lost;
    const auto* account = world.account_of(target.resource_id);
    if (!world.swept(account->meta.name)) return unswept(world, account->meta.name);
    const auto found = world.machines.find(resource_key(target.resource_id));
    const MachineView* machine = found == world.machines.end() ? nullptr : &found->second;
    if (machine == nullptr || (!machine->machine && !machine->gone)) {
      return unread_machine(target.resource_id, machine);
    }
    for (const auto& key : world.groups.that_hold(Holds::unclear)) {
      const GroupView& view = world.groups.at(key);
      if (world.account_of(view.id) != account || view.gone) continue;
      if (!view.group) {
        // Others' groups that cannot be read hold up nobody else; on this grant's ways they do
        // (below).
        if (!view.listed_with_ours) continue;
        return unread("NSG \"" + model::short_name(view.id) + "\"", view.error,
                      " has not been read yet");
      }
      for (const auto& rule : view.group->rules) {
        if (!looks_open(world, verdict, rule)) continue;
        return Unknown{.message = "rule \"" + rule.name + "\" in NSG \"" +
                                  model::short_name(view.id) +
                                  "\" is named like ours and lets somebody in, but its description "
                                  "was changed: remove it by hand",
                       .group = view.id};
      }
    }
  }
  return std::nullopt;
}

}  // namespace portcullis::controllers
