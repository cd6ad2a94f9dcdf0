// How a machine's ways to the network are read: VM, its interfaces, their subnets, all by id.

#include <algorithm>
#include <set>

#include "cloud/azure.hpp"
#include "cloud/gather.hpp"
#include "cloud/json.hpp"

namespace portcullis::cloud {
namespace {

/// `not_found` is kept for the machine itself: a part that is gone means that the machine is being
/// changed, not that it is gone.
Error of_a_part(Error error) {
  if (error.kind == Error::Kind::not_found) error.kind = Error::Kind::unavailable;
  return error;
}

template <typename T>
Result<std::vector<T>> all_or_error(std::vector<Result<T>> results) {
  std::vector<T> values;
  for (auto& result : results) {
    if (!result) return fail(of_a_part(std::move(result.error())));
    values.push_back(std::move(*result));
  }
  return values;
}

}  // namespace

Task<Result<model::VirtualMachine>> Azure::read_machine(std::string id, Work work) {
  const auto located = resource(id, "Microsoft.Compute/virtualMachines");
  if (!located) co_return fail(located.error());
  const auto document =
      co_await arm_.read(target(*located), options_.limits.read_deadline, {.work = work});
  if (!document) co_return fail(document.error());
  const auto head = read_machine_document(document->root());
  if (!head) co_return fail(head.error());
  if (model::resource_key(head->id) != model::resource_key(id)) {
    co_return fail(Error::Kind::malformed, "the cloud answered with another virtual machine");
  }

  const auto interfaces = co_await read_interfaces(head->interface_ids, head->id, work);
  if (!interfaces) co_return fail(interfaces.error());
  std::vector<std::string> subnets;
  for (const InterfaceDocument& interface : *interfaces) {
    for (const InterfaceAddress& address : interface.addresses) {
      subnets.push_back(address.subnet_id);
    }
  }
  const auto subnet_groups = co_await read_subnets(std::move(subnets), work);
  if (!subnet_groups) co_return fail(subnet_groups.error());

  model::VirtualMachine machine;
  machine.id = head->id;
  machine.vm_id = head->vm_id;
  machine.name = head->name;
  machine.resource_group = located->resource_group;
  machine.tags = head->tags;
  std::vector<std::string> public_ids;
  for (const InterfaceDocument& interface : *interfaces) {
    for (const InterfaceAddress& address : interface.addresses) {
      machine.paths.push_back(
          way_of(interface, address, subnet_groups->at(model::resource_key(address.subnet_id))));
      public_ids.push_back(address.public_address_id);
    }
  }
  co_await add_public_addresses(std::move(public_ids), machine, work);
  sort_ways(machine.paths);
  co_return machine;
}

Task<Result<std::vector<InterfaceDocument>>> Azure::read_interfaces(std::vector<std::string> ids,
                                                                    std::string machine_id,
                                                                    Work work) {
  std::vector<Task<Result<InterfaceDocument>>> tasks;
  tasks.reserve(ids.size());
  for (const std::string& id : ids) tasks.push_back(read_interface(id, machine_id, work));
  co_return all_or_error(co_await gather(std::move(tasks)));
}

Task<Result<InterfaceDocument>> Azure::read_interface(std::string id, std::string machine_id,
                                                      Work work) {
  const auto located = resource(id, "Microsoft.Network/networkInterfaces");
  if (!located) co_return fail(located.error());
  const auto document =
      co_await arm_.read(target(*located), options_.limits.read_deadline, {.work = work});
  if (!document) co_return fail(document.error());
  auto interface = read_interface_document(document->root());
  if (!interface) co_return fail(interface.error());
  if (model::resource_key(interface->id) != model::resource_key(id)) {
    co_return fail(Error::Kind::malformed, "the cloud answered with another network interface");
  }
  if (!interface->machine_id.empty() &&
      model::resource_key(interface->machine_id) != model::resource_key(machine_id)) {
    co_return fail(Error::Kind::unavailable,
                   "a network interface changed its machine while they were read");
  }
  if (const auto checked = check_group(interface->group); !checked) co_return fail(checked.error());
  co_return interface;
}

/// One that is named and cannot be read must not look like one that is about to be.
Result<Done> Azure::check_group(const std::optional<std::string>& id) const {
  if (!id) return Done{};
  const auto located = resource(*id, "Microsoft.Network/networkSecurityGroups");
  if (!located) return fail(located.error());
  return Done{};
}

Task<Result<Azure::SubnetGroups>> Azure::read_subnets(std::vector<std::string> ids, Work work) {
  std::map<std::string, std::string> distinct;  // ARM spells the same subnet differently
  for (std::string& id : ids) {
    std::string key = model::resource_key(id);
    distinct.emplace(std::move(key), std::move(id));
  }
  std::vector<Task<Result<std::optional<std::string>>>> tasks;
  tasks.reserve(distinct.size());
  for (const auto& [key, id] : distinct) tasks.push_back(read_subnet(id, work));
  auto groups = all_or_error(co_await gather(std::move(tasks)));
  if (!groups) co_return fail(groups.error());
  SubnetGroups by_key;
  std::size_t next = 0;
  for (const auto& [key, id] : distinct) by_key.emplace(key, std::move((*groups)[next++]));
  co_return by_key;
}

Task<Result<std::optional<std::string>>> Azure::read_subnet(std::string id, Work work) {
  const auto located = resource(id, "Microsoft.Network/virtualNetworks", "subnets");
  if (!located) co_return fail(located.error());
  const auto document =
      co_await arm_.read(target(*located), options_.limits.read_deadline, {.work = work});
  if (!document) co_return fail(document.error());
  const auto answered = json::text(document->root(), "id");
  if (!answered || model::resource_key(*answered) != model::resource_key(id)) {
    co_return fail(Error::Kind::malformed, "the cloud answered with another subnet");
  }
  auto group = read_subnet_group(document->root());
  if (!group) co_return fail(group.error());
  if (const auto checked = check_group(*group); !checked) co_return fail(checked.error());
  co_return group;
}

/// For messages only: whatever fails leaves the text empty, and who may not read them is not asked
/// again.
Task<void> Azure::add_public_addresses(std::vector<std::string> ids, model::VirtualMachine& machine,
                                       Work work) {
  if (!may_read_public_addresses_) co_return;
  std::vector<Task<Result<std::string>>> tasks;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].empty()) continue;
    tasks.push_back(read_public(ids[i], work));
    places.push_back(i);
  }
  if (tasks.empty()) co_return;
  const auto addresses = co_await gather(std::move(tasks));
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (addresses[i]) {
      machine.paths[places[i]].public_address = *addresses[i];
    } else if (addresses[i].error().kind == Error::Kind::forbidden) {
      may_read_public_addresses_ = false;
    }
  }
}

Task<Result<std::string>> Azure::read_public(std::string id, Work work) {
  constexpr Duration patience = std::chrono::seconds(5);
  const auto located = resource(id, "Microsoft.Network/publicIPAddresses");
  if (!located) co_return fail(located.error());
  const auto document = co_await arm_.read(
      target(*located), std::min(options_.limits.read_deadline, patience), {.work = work});
  if (!document) co_return fail(document.error());
  co_return read_public_address(document->root());
}

}  // namespace portcullis::cloud
