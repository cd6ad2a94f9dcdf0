#include <algorithm>

#include "lab/handlers.hpp"
#include "lab/names.hpp"
#include "lab/views.hpp"

namespace portcullis::lab {
namespace {

constexpr const char* type = "Microsoft.Compute/virtualMachines";
constexpr const char* read_action = "Microsoft.Compute/virtualMachines/read";

net::Response list_machines(const Cloud& cloud, const Call& call, const std::string* group) {
  if (group != nullptr && !cloud.resource_groups.contains(lower(*group))) {
    return not_found(cloud, *group, type, "");
  }
  const bool with_instance = same_name(call.query_or("statusonly", ""), "true") ||
                             same_name(call.query_or("$expand", ""), "instanceView");
  std::vector<Json> items;
  for (const Machine& machine : cloud.world.machines) {
    if (group != nullptr && !same_name(machine.resource_group, *group)) continue;
    const std::string id = machine_id(cloud.world, machine.resource_group, machine.name);
    if (!cloud.may(call.client, read_action, id)) continue;
    items.push_back(machine_view(cloud.world, machine, MachineView::list, with_instance));
  }
  return page(cloud, call, items);
}

}  // namespace

std::optional<net::Response> answer_compute(Cloud& cloud, const Call& call) {
  constexpr const char* provider = "Microsoft.Compute";
  constexpr const char* machines = "virtualMachines";
  if (path_is(call, {"subscriptions", "*", "providers", provider, machines})) {
    return call.method == "GET" ? list_machines(cloud, call, nullptr) : empty_answer(405);
  }
  if (path_is(call,
              {"subscriptions", "*", "resourceGroups", "*", "providers", provider, machines})) {
    return call.method == "GET" ? list_machines(cloud, call, &call.path[3]) : empty_answer(405);
  }
  const bool whole = path_is(
      call, {"subscriptions", "*", "resourceGroups", "*", "providers", provider, machines, "*"});
  const bool instance = path_is(call, {"subscriptions", "*", "resourceGroups", "*", "providers",
                                       provider, machines, "*", "instanceView"});
  if (!whole && !instance) return std::nullopt;
  if (call.method != "GET") return empty_answer(405);
  const std::string id = machine_id(cloud.world, call.path[3], call.path[7]);
  if (auto refused = forbid(cloud, call, read_action, id)) return refused;
  const Machine* machine = find_machine(cloud.world, call.path[3], call.path[7]);
  if (machine == nullptr) return not_found(cloud, call.path[3], type, call.path[7]);
  if (instance) return json_answer(200, instance_view(*machine));
  const bool expanded = same_name(call.query_or("$expand", ""), "instanceView");
  return json_answer(200, machine_view(cloud.world, *machine, MachineView::get, expanded));
}

}  // namespace portcullis::lab
