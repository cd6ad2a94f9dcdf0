#include "kube/yaml_json.hpp"

#include <catch2/catch.hpp>

namespace portcullis::kube {
namespace {

using nlohmann::json;

TEST_CASE("a manifest is read as the API server would read it", "[kube]") {
  const auto read = read_manifest(R"(# a comment
kind: Policy
spec:
  list: [Deny, "*", '2', 3, true, null]
  operations: [CREATE]
  empty: {}
  folded: >-
    a &&
    b
      deeper
  kept: |
    a
    b
---
---
kind: Binding
)");
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  const json& spec = read->at(0)["spec"];
  CHECK(spec["list"] == json{"Deny", "*", "2", 3, true, nullptr});
  CHECK(spec["empty"] == json::object());
  CHECK(spec["folded"].get<std::string>().starts_with("a && b"));
  CHECK(spec["kept"] == "a\nb\n");
  CHECK(read->at(1)["kind"] == "Binding");
}

TEST_CASE("what is no manifest is told", "[kube]") {
  CHECK(read_manifest("").value().empty());
  CHECK(read_manifest("a: [").error().kind == Error::Kind::malformed);
  std::string deep = "x";
  for (int i = 0; i < 70; ++i) deep = "[" + deep + "]";
  CHECK(read_manifest(deep).error().kind == Error::Kind::malformed);
}

}  // namespace
}  // namespace portcullis::kube
