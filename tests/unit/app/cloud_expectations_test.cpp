#include "app/cloud_expectations.hpp"

#include <catch2/catch.hpp>

namespace portcullis::app {
namespace {

using cloud::ManagementLock;
using cloud::Permission;
using Level = Finding::Level;

const std::string net = "/subscriptions/s/resourceGroups/net";

cloud::ListedGroup group(const std::string& name, const std::string& resource_group = "net") {
  return {.id = "/subscriptions/s/resourceGroups/" + resource_group +
                "/providers/Microsoft.Network/networkSecurityGroups/" + name};
}

std::vector<Level> levels(const Findings& findings) {
  std::vector<Level> out;
  for (const Finding& finding : findings) out.push_back(finding.level);
  return out;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a refused credential names the way out", "[check]") {
  const auto told = [](Error::Kind kind) {
    return judge_refusal("account a", {.kind = kind, .message = "no"});
  };
  CHECK(holds(told(Error::Kind::unauthorized).mend, "secret"));
  CHECK(holds(told(Error::Kind::forbidden).mend, "role"));
  CHECK(holds(told(Error::Kind::invalid).mend, "flags"));
  CHECK(told(Error::Kind::timeout).level == Level::fail);
}

TEST_CASE("a list that shows nothing is no list of nothing", "[check]") {
  CHECK(levels(judge_listing("a", {}, {})) == std::vector{Level::warn});
  CHECK(levels(judge_listing("a", {"NET"}, {group("one")})) == std::vector{Level::ok});
  const auto partly = judge_listing("a", {"net", "web"}, {group("one")});
  CHECK(levels(partly) == std::vector{Level::ok, Level::warn});
  CHECK(holds(partly[1].message, "resource group web"));
}

TEST_CASE("locks count where they hold for a security group in scope", "[check]") {
  const auto judge = [](std::vector<ManagementLock> locks) {
    return judge_locks("a", locks, {group("one"), group("two")});
  };
  CHECK(levels(judge({})) == std::vector{Level::ok});
  CHECK(levels(judge({{.scope = net, .name = "l", .level = "CanNotDelete"}})) ==
        std::vector{Level::warn});
  CHECK(levels(judge({{.scope = "/subscriptions/S", .name = "l", .level = "ReadOnly"}})) ==
        std::vector{Level::fail});
  CHECK(levels(judge({{.scope = group("ONE").id, .name = "l", .level = "ReadOnly"}})) ==
        std::vector{Level::fail});
  CHECK(levels(judge({{.scope = group("on").id, .name = "l", .level = "ReadOnly"},
                      {.scope = net + "work", .name = "l", .level = "ReadOnly"}})) ==
        std::vector{Level::ok});
  CHECK(levels(judge({{.scope = net, .name = "l", .level = "Unknown"}})) ==
        std::vector{Level::fail});
  const auto hidden = judge_locks("a", fail(Error::Kind::forbidden, "403"), {});
  CHECK(levels(hidden) == std::vector{Level::warn});
  CHECK(holds(hidden[0].message, "not checked"));
  CHECK(holds(hidden[0].mend, "Microsoft.Authorization/locks/read"));
}

TEST_CASE("roles permit by patterns, and take away by others", "[check]") {
  const std::string write = "Microsoft.Network/networkSecurityGroups/securityRules/write";
  const auto [actions, not_actions, may] =
      GENERATE(table<std::vector<std::string>, std::vector<std::string>, bool>(
          {{{"*"}, {}, true},
           {{"*/read"}, {}, false},
           {{"microsoft.network/NETWORKSecurityGroups/securityRules/write"}, {}, true},
           {{"Microsoft.Network/*"}, {}, true},
           {{"Microsoft.Network/*/write"}, {}, true},
           {{"Microsoft.Network/networkSecurityGroups/*/write"}, {}, true},
           {{"Microsoft.Network/networkSecurityGroups/write"}, {}, false},
           {{"Microsoft.Compute/*"}, {}, false},
           {{"*"}, {"Microsoft.Network/*/write"}, false},
           {{"*"}, {"Microsoft.Network/*/delete"}, true},
           {{}, {}, false}}));
  CHECK(cloud::permits({Permission{.actions = actions, .not_actions = not_actions}}, write) == may);
}

TEST_CASE("what one role takes away another may give", "[check]") {
  CHECK(cloud::permits({{.actions = {"*"}, .not_actions = {"*/write"}}, {.actions = {"a/write"}}},
                       "a/write"));
}

TEST_CASE("rights are judged where they are needed", "[check]") {
  const Permission reader{.actions = {"*/read"}};
  const Permission writer{.actions = {"Microsoft.Network/networkSecurityGroups/*"}};
  const auto judge = [](std::string name, bool of_groups, bool of_machines,
                        std::vector<Permission> permissions) {
    return judge_permissions("a", {{.resource_group = std::move(name),
                                    .of_groups = of_groups,
                                    .of_machines = of_machines,
                                    .permissions = std::move(permissions)}});
  };
  CHECK(levels(judge("web", false, true, {reader})) == std::vector{Level::ok});
  CHECK(levels(judge("net", true, false, {reader, writer})) == std::vector{Level::ok});
  const auto missing = judge("net", true, false, {reader});
  CHECK(levels(missing) == std::vector{Level::fail});
  CHECK(holds(missing[0].message, "securityRules/write, "));
  CHECK(holds(missing[0].message, "securityRules/delete"));
  // Where the networks are nobody knows here: that is a warning.
  const auto nowhere = judge("net", true, false, {writer});
  CHECK(levels(nowhere) == std::vector{Level::warn});
  CHECK(holds(nowhere[0].message, "subnets/read"));
  const auto unread = judge_permissions(
      "a", {{.resource_group = "net", .permissions = fail(Error::Kind::forbidden, "403")}});
  CHECK(levels(unread) == std::vector{Level::warn});
  CHECK(holds(unread[0].message, "not checked"));
}

}  // namespace
}  // namespace portcullis::app
