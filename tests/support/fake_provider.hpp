#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "cloud/provider.hpp"

namespace portcullis::test {

/// A cloud in memory: machines and groups by `resource_key`. Keeps the writes tried, in order ("put
/// NAME", "remove NAME"), and fails when told to: by call ("read_group", "put NAME", "remove
/// NAME", "list_groups RESOURCE_GROUP"), once or always.
class FakeProvider final : public cloud::Provider {
 public:
  std::map<std::string, model::SecurityGroup> groups;
  std::map<std::string, model::VirtualMachine> machines;
  std::set<std::string> hidden;  ///< machines that no list shows, by `resource_key`
  std::map<std::string, model::VirtualMachine> listed;  ///< what lists show instead, likewise
  std::vector<model::ListedAddress> others;             ///< addresses of no machine in here
  std::string listed_etag;         ///< what lists of groups show, if not the truth
  std::vector<std::string> calls;  ///< reads and writes
  std::vector<std::string> writes;
  std::vector<std::pair<std::string, cloud::Work>> works;  ///< of the calls about one group
  std::map<std::string, Error> fail_once;
  std::map<std::string, Error> fail_always;
  std::function<void(const std::string& call)> on_call;  ///< before it is tried
  Clock* clock = nullptr;                                ///< needed where an answer takes time
  Duration read_machine_takes{0};
  std::vector<cloud::Work> machine_reads{};  ///< what each reading of a machine was for

  Duration writes_open_in{0};        ///< of a budget that is used up
  std::vector<std::string> hurried;  ///< groups, by what `hurry` was told

  Task<Result<Done>> check() override { co_return done("check"); }

  void hurry(const std::string& group) override { hurried.push_back(group); }
  Duration budget_opens_in(cloud::Work, bool is_write) const override {
    return is_write ? writes_open_in : Duration(0);
  }

  Task<Result<model::VirtualMachine>> read_machine(std::string id, cloud::Work work) override {
    machine_reads.push_back(work);
    if (read_machine_takes > Duration(0)) co_await clock->sleep_for(read_machine_takes);
    if (const auto bad = done("read_machine"); !bad) co_return fail(bad.error());
    const auto found = machines.find(model::resource_key(id));
    if (found == machines.end()) co_return fail(Error::Kind::not_found, "no machine " + id);
    co_return found->second;
  }

  Task<Result<model::SecurityGroup>> read_group(std::string id, cloud::Work work) override {
    works.push_back({"read_group", work});
    if (const auto bad = done("read_group"); !bad) co_return fail(bad.error());
    const auto found = groups.find(model::resource_key(id));
    if (found == groups.end()) co_return fail(Error::Kind::not_found, "no group " + id);
    co_return found->second;
  }

  Task<Result<std::vector<cloud::ListedGroup>>> list_groups(
      std::vector<std::string> resource_groups) override {
    if (const auto bad = done("list_groups"); !bad) co_return fail(bad.error());
    for (const std::string& name : resource_groups) {
      const auto failure = fail_always.find("list_groups " + name);
      if (failure != fail_always.end()) co_return fail(failure->second);
    }
    std::vector<cloud::ListedGroup> all;
    for (const auto& [key, group] : groups) {
      const auto is_there = [id = model::parse_resource_id(key)](const std::string& name) {
        return id && model::ascii_lower(name) == id->resource_group;
      };
      if (!resource_groups.empty() && std::ranges::none_of(resource_groups, is_there)) continue;
      all.push_back({.id = group.id, .etag = listed_etag.empty() ? group.etag : listed_etag});
      for (const auto& rule : group.rules) {
        all.back().rules.push_back({.name = rule.name, .description = rule.description});
      }
    }
    co_return all;
  }

  /// The machines as they are, unless `listed` has another version, and `others`.
  Task<Result<model::Inventory>> take_inventory() override {
    if (const auto bad = done("take_inventory"); !bad) co_return fail(bad.error());
    model::Inventory all{.addresses = others};
    for (const auto& [key, truth] : machines) {
      if (hidden.contains(key)) continue;
      const auto other = listed.find(key);
      const auto& machine = other == listed.end() ? truth : other->second;
      all.machines.push_back({.id = machine.id, .tags = machine.tags, .whole = machine});
      for (const auto& path : machine.paths) {
        all.addresses.push_back({.address = path.address,
                                 .interface_id = path.interface_id,
                                 .machine_id = machine.id,
                                 .subnet_listed = true});
        for (const auto& group : {path.subnet_group, path.interface_group}) {
          if (group) all.addresses.back().groups.push_back(model::resource_key(*group));
        }
      }
    }
    co_return all;
  }

  Task<Result<Done>> put_rule(std::string group, model::SecurityRule rule,
                              cloud::Work work) override {
    writes.push_back("put " + rule.name);
    works.push_back({writes.back(), work});
    if (const auto bad = done(writes.back()); !bad) co_return fail(bad.error());
    auto& rules = groups.at(model::resource_key(group)).rules;
    for (const auto& other : rules) {
      if (other.name != rule.name && other.priority == rule.priority) {
        co_return fail(Error::Kind::conflict, "the priority is taken by " + other.name);
      }
    }
    std::erase_if(rules, [&](const auto& other) { return other.name == rule.name; });
    rules.push_back(std::move(rule));
    std::ranges::sort(rules, {}, &model::SecurityRule::priority);
    touch(group);
    co_return Done{};
  }

  Task<Result<Done>> remove_rule(std::string group, std::string name, cloud::Work work) override {
    writes.push_back("remove " + name);
    works.push_back({writes.back(), work});
    if (const auto bad = done(writes.back()); !bad) co_return fail(bad.error());
    std::erase_if(groups.at(model::resource_key(group)).rules,
                  [&](const auto& rule) { return rule.name == name; });
    touch(group);
    co_return Done{};
  }

  /// The group changed: it has another etag.
  void touch(const std::string& group) {
    groups.at(model::resource_key(group)).etag = "etag-" + std::to_string(++changes_);
  }

 private:
  int changes_ = 0;

  Result<Done> done(const std::string& call) {
    calls.push_back(call);
    if (on_call) on_call(call);
    if (const auto failure = fail_once.extract(call)) return fail(failure.mapped());
    if (const auto failure = fail_always.find(call); failure != fail_always.end()) {
      return fail(failure->second);
    }
    return Done{};
  }
};

}  // namespace portcullis::test
