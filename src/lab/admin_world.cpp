#include "lab/admin_world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/handlers.hpp"
#include "lab/judge.hpp"
#include "lab/names.hpp"
#include "lab/seed.hpp"
#include "lab/views.hpp"

namespace portcullis::lab {
namespace {

net::Response bad(const std::string& problem) {
  return json_answer(400, {{"error", {{"code", "BadRequest"}, {"message", problem}}}});
}

net::Response missing(const std::string& what) {
  return json_answer(404, {{"error", {{"code", "NotFound"}, {"message", what + " not found"}}}});
}

/// Stores a rule as somebody else would: in the short form, or with `properties` verbatim, whatever
/// they are.
net::Response edit_rule(Cloud& cloud, const Call& call, SecurityGroup& group) {
  const std::string& name = call.path[5];
  if (call.method == "DELETE") {
    const auto erased =
        std::erase_if(group.rules, [&](const Rule& rule) { return same_name(rule.name, name); });
    if (erased == 0) return missing("rule " + name);
  } else if (call.method == "PUT") {
    Rule rule{name, {}};
    const Json body = Json::parse(call.request->body, nullptr, false);
    if (body.is_object() && body.contains("properties")) {
      rule.properties = body["properties"];
    } else {
      const auto read = read_short_rule(call.request->body, name);
      if (!read) return bad(read.error().message);
      rule = *read;
    }
    if (Rule* old = find_rule(group, name)) {
      old->properties = rule.properties;
    } else {
      group.rules.push_back(rule);
    }
  } else {
    return empty_answer(405);
  }
  touch(cloud.world, group);
  cloud.publish();
  return empty_answer(204);
}

/// Replaces all rules of a group: a list of short forms, or nothing for a group without rules.
net::Response put_group(Cloud& cloud, const Call& call) {
  SecurityGroup group{.resource_group = call.path[2], .name = call.path[3]};
  const Json body =
      call.request->body.empty() ? Json::object() : Json::parse(call.request->body, nullptr, false);
  if (!body.is_object()) return bad("no JSON object");
  for (const Json& item : body.value("rules", Json::array())) {
    const auto rule = read_short_rule(item.dump(), item.value("name", ""));
    if (!rule) return bad(rule.error().message);
    group.rules.push_back(*rule);
  }
  cloud.resource_groups.insert(lower(group.resource_group));
  if (SecurityGroup* old = find_group(cloud.world, group.resource_group, group.name)) {
    old->rules = group.rules;
    touch(cloud.world, *old);
  } else {
    group.guid = cloud.make_guid();
    cloud.world.groups.push_back(group);
    touch(cloud.world, cloud.world.groups.back());
  }
  cloud.publish();
  return empty_answer(204);
}

net::Response groups(Cloud& cloud, const Call& call) {
  if (call.path.size() == 4 && call.method == "PUT") return put_group(cloud, call);
  if (call.path.size() < 4) return missing("path");
  SecurityGroup* group = find_group(cloud.world, call.path[2], call.path[3]);
  if (group == nullptr) return missing("NSG " + call.path[3]);
  if (call.path.size() == 6 && same_name(call.path[4], "rules")) {
    return edit_rule(cloud, call, *group);
  }
  if (call.path.size() != 4) return missing("path");
  if (call.method == "GET") return json_answer(200, group_view(cloud.world, *group));
  if (call.method != "DELETE") return empty_answer(405);
  // It goes with its rules while it may still be named by subnets and interfaces: as when somebody
  // takes it away and makes it anew.
  const std::string id = id_of(cloud.world, *group);
  cloud.operations.abandon(id);
  std::erase_if(cloud.world.groups, [&](const SecurityGroup& other) {
    return same_name(id_of(cloud.world, other), id);
  });
  cloud.publish();
  return empty_answer(204);
}

net::Response put_machine(Cloud& cloud, const Call& call) {
  Json body = Json::parse(call.request->body, nullptr, false);
  if (!body.is_object()) return bad("no JSON object");
  body["resourceGroup"] = call.path[2];
  body["name"] = call.path[3];
  if (const auto added = add_machine(cloud.world, body.dump()); !added) {
    return bad(added.error().message);
  }
  cloud.resource_groups.insert(lower(call.path[2]));
  cloud.publish();
  return empty_answer(204);
}

/// Azure leaves a machine's interfaces behind, unless their `deleteOption` says otherwise.
void take_away(World& world, const Machine& machine, bool with_interfaces) {
  const std::string id = machine_id(world, machine.resource_group, machine.name);
  const std::vector<std::string> interfaces = machine.interfaces;
  std::erase_if(world.machines, [&](const Machine& other) {
    return same_name(machine_id(world, other.resource_group, other.name), id);
  });
  if (!with_interfaces) return;
  std::erase_if(world.interfaces, [&](const Interface& nic) {
    return std::ranges::any_of(interfaces, [&](const std::string& one) {
      return same_name(one, interface_id(world, nic.resource_group, nic.name));
    });
  });
}

net::Response machines(Cloud& cloud, const Call& call) {
  if (call.path.size() < 4) return missing("path");
  if (call.path.size() == 4 && call.method == "PUT") return put_machine(cloud, call);
  Machine* machine = find_machine(cloud.world, call.path[2], call.path[3]);
  if (machine == nullptr) return missing("VM " + call.path[3]);
  const std::string verb = call.path.size() == 5 ? lower(call.path[4]) : "";
  if (call.path.size() == 4 && call.method == "DELETE") {
    take_away(cloud.world, *machine, call.query_or("interfaces", "") == "delete");
  } else if (verb == "deallocate" || verb == "start") {
    machine->running = verb == "start";
  } else if (verb == "recreate") {  // another machine of that name
    machine->vm_id = cloud.make_guid();
  } else if (verb == "tags" && call.method == "PUT") {
    machine->tags = Json::parse(call.request->body).get<std::map<std::string, std::string>>();
  } else {
    return missing("path");
  }
  cloud.publish();
  return empty_answer(204);
}

/// {"nsg": "name" or null, "addresses": ["10.0.0.9"]}: moves an interface to another NSG or gives
/// it other private addresses (one for each that it has, in order).
net::Response interfaces(Cloud& cloud, const Call& call) {
  if (call.path.size() != 4 || call.method != "PATCH") return missing("path");
  Interface* nic = find_interface(cloud.world, call.path[2], call.path[3]);
  if (nic == nullptr) return missing("interface " + call.path[3]);
  const Json body = Json::parse(call.request->body, nullptr, false);
  if (!body.is_object()) return bad("no JSON object");
  Interface changed = *nic;
  if (body.contains("nsg")) {
    changed.security_group.reset();
    if (!body["nsg"].is_null()) {
      const std::string id =
          resolve_group(cloud.world, body["nsg"].get<std::string>(), nic->resource_group);
      if (id.empty()) return bad("nsg: there is none of that name, or more than one");
      changed.security_group = id;
    }
  }
  if (body.contains("addresses")) {
    const auto addresses = body["addresses"].get<std::vector<std::string>>();
    if (addresses.size() != changed.configurations.size()) {
      return bad("addresses: one for each that the interface has");
    }
    for (std::size_t at = 0; at < addresses.size(); ++at) {
      changed.configurations[at].private_address = addresses[at];
    }
  }
  *nic = changed;
  cloud.publish();
  return empty_answer(204);
}

/// {"nsg": "name" or null}: moves a subnet to another NSG.
net::Response subnets(Cloud& cloud, const Call& call) {
  if (call.path.size() != 5 || call.method != "PATCH") return missing("path");
  const Json body = Json::parse(call.request->body, nullptr, false);
  if (!body.is_object() || !body.contains("nsg")) return bad("nsg is missing");
  for (VirtualNetwork& network : cloud.world.networks) {
    if (!same_name(network.resource_group, call.path[2]) ||
        !same_name(network.name, call.path[3])) {
      continue;
    }
    for (Subnet& subnet : network.subnets) {
      if (!same_name(subnet.name, call.path[4])) continue;
      subnet.security_group.reset();
      if (!body["nsg"].is_null()) {
        const std::string id =
            resolve_group(cloud.world, body["nsg"].get<std::string>(), network.resource_group);
        if (id.empty()) return bad("nsg: there is none of that name, or more than one");
        subnet.security_group = id;
      }
      cloud.publish();
      return empty_answer(204);
    }
  }
  return missing("subnet " + call.path[4]);
}

Json world_view(const Cloud& cloud) {
  const World& world = cloud.world;
  Json out = {{"subscription", world.subscription}, {"tenant", world.tenant},
              {"location", world.location},         {"groups", Json::array()},
              {"networks", Json::array()},          {"interfaces", Json::array()},
              {"machines", Json::array()},          {"clients", Json::array()}};
  for (const auto& group : world.groups) out["groups"].push_back(group_view(world, group));
  for (const auto& network : world.networks)
    out["networks"].push_back(network_view(world, network));
  for (const auto& nic : world.interfaces) out["interfaces"].push_back(interface_view(world, nic));
  for (const auto& machine : world.machines) {
    Json view = machine_view(world, machine, MachineView::get, true);
    view["listens"] = machine.listens;
    out["machines"].push_back(std::move(view));
  }
  for (const auto& client : world.clients) {
    out["clients"].push_back({{"name", client.name}, {"addresses", client.addresses}});
  }
  return out;
}

/// {"from": client or address, "to": VM or address, "port": 22, "protocol": "Tcp"}: what the
/// packets would meet now, operations that still run not counted.
net::Response connect(const Cloud& cloud, const Call& call) {
  const Json body = Json::parse(call.request->body, nullptr, false);
  if (!body.is_object()) return bad("no JSON object");
  const std::string from = body.value("from", "");
  const std::string to = body.value("to", "");
  const auto port = body.value("port", 0);
  const std::string protocol = body.value("protocol", "Tcp");
  if (from.empty() || to.empty() || port < 1 || port > 65535) return bad("from, to and port");
  std::vector<std::string> addresses = {from};
  for (const Client& client : cloud.world.clients) {
    if (same_name(client.name, from)) addresses = client.addresses;
  }
  Json tried = Json::array();
  bool allowed = false;
  std::string rule;
  for (const std::string& address : addresses) {
    const Verdict verdict =
        judge(cloud.packets, address, to, static_cast<std::uint16_t>(port), protocol);
    if (rule.empty() || (verdict.allowed && !allowed)) rule = verdict.by;
    allowed = allowed || verdict.allowed;
    tried.push_back({{"from", address}, {"allowed", verdict.allowed}, {"by", verdict.by}});
  }
  return json_answer(200, {{"allowed", allowed}, {"rule", rule}, {"ways", std::move(tried)}});
}

}  // namespace

net::Response answer_admin_world(Cloud& cloud, const Call& call) {
  const std::string section = call.path.size() > 1 ? lower(call.path[1]) : "";
  if (section == "world" && call.method == "GET") return json_answer(200, world_view(cloud));
  if (section == "connect" && call.method == "POST") return connect(cloud, call);
  if (section == "nsgs") return groups(cloud, call);
  if (section == "vms") return machines(cloud, call);
  if (section == "nics") return interfaces(cloud, call);
  if (section == "subnets") return subnets(cloud, call);
  return missing("path");
}

}  // namespace portcullis::lab
