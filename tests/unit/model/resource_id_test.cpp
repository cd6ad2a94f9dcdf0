#include "model/resource_id.hpp"

#include <catch2/catch.hpp>

namespace portcullis::model {
namespace {

constexpr auto nsg =
    "/subscriptions/1111/resourceGroups/web/providers/Microsoft.Network/networkSecurityGroups/n1";

TEST_CASE("An id is read into its parts and printed back") {
  const auto id = parse_resource_id(nsg);
  REQUIRE(id);
  CHECK(id->subscription == "1111");
  CHECK(id->resource_group == "web");
  CHECK(id->provider == "Microsoft.Network");
  CHECK(id->type == "networkSecurityGroups");
  CHECK(id->name == "n1");
  CHECK(id->child_type.empty());
  CHECK(to_string(*id) == nsg);
}

TEST_CASE("A child is read too") {
  const auto text = std::string(
      "/subscriptions/1/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/"
      "s_1");
  const auto id = parse_resource_id(text);
  REQUIRE(id);
  CHECK(id->child_type == "subnets");
  CHECK(id->child_name == "s_1");
  CHECK(to_string(*id) == text);
}

TEST_CASE("Ids that differ in letter case are of the same resource, and of no other") {
  CHECK(resource_key("/subscriptions/A/resourceGROUPS/Web") ==
        resource_key("/SUBSCRIPTIONS/a/resourcegroups/web"));
  CHECK(resource_key(std::string(nsg) + "x") != resource_key(nsg));
  CHECK(parse_resource_id("/SUBSCRIPTIONS/1/RESOURCEGROUPS/w/PROVIDERS/M.N/t/n"));
}

TEST_CASE("Whatever could mean something in a URL is refused") {
  const std::string before =
      "/subscriptions/1/resourceGroups/web/providers/Microsoft.Network/networkSecurityGroups/";
  const auto* name =
      GENERATE("", ".", "..", "a/b", "a//b", "a%2fb", "a?b", "a#b", "a b", "a\\b", "a\r\nb",
               "n\xc3\xa9", "a/", "a/subnets", "a/subnets/", "a/subnets/b/c");
  CAPTURE(name);
  CHECK_FALSE(parse_resource_id(before + name));
}

TEST_CASE("An id of another shape is refused") {
  CHECK_FALSE(parse_resource_id(""));
  CHECK_FALSE(parse_resource_id(std::string(nsg).substr(1)));
  CHECK_FALSE(parse_resource_id("/subscriptions/1/resourceGroups/web"));
  CHECK_FALSE(parse_resource_id("//subscriptions/1/resourceGroups/w/providers/M.N/t/n"));
  CHECK_FALSE(parse_resource_id("/subscription/1/resourceGroups/w/providers/M.N/t/n"));
  CHECK_FALSE(parse_resource_id(nsg + std::string("\0", 1)));
  CHECK_FALSE(parse_resource_id(std::string("/subscriptions/1/resourceGroups/w/providers/M.N/t/") +
                                std::string(91, 'a')));
}

TEST_CASE("A machine's id is made of where it lies") {
  const auto id = virtual_machine_id("1111", "Web", "web-1");
  CHECK(id ==
        "/subscriptions/1111/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/web-1");
  CHECK(parse_resource_id(id));
}

}  // namespace
}  // namespace portcullis::model
