// A status that is too large for etcd cannot be written, and then nothing is told at all.

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "api/encode.hpp"

using nlohmann::json;

namespace portcullis::api {
namespace {

/// Half of etcd's 1.5 MiB: the rest is for the spec and for who wrote which field.
constexpr std::size_t room = 768u << 10;

model::PolicyStatus::Target target(int number, bool as_wanted) {
  const std::string subscription = "/subscriptions/11111111-2222-4333-8444-555555555555";
  return {.resource_id = subscription + "/resourceGroups/web-" + std::string(80, 'g') +
                         "/providers/Microsoft.Compute/virtualMachines/web-" +
                         std::to_string(number),
          .vm_id = "5a1c6c1e-0000-4000-8000-1d6c9a110001",
          .state = as_wanted ? "Locked" : "Bypassed",
          .message = "a message",
          .addresses = {"10.0.0.4"},
          .groups = {subscription + "/resourceGroups/net/providers/Microsoft.Network/"
                                    "networkSecurityGroups/nsg"},
          .cut = {},
          .as_wanted = as_wanted};
}

/// A machine that whole lists of sources come in to.
model::PolicyStatus::Target crowded(int number) {
  auto out = target(number, false);
  out.message = std::string(5000, '"');
  for (int i = 0; i < 64; ++i) {
    out.cut.push_back({.ports = {22, 22},
                       .protocol = model::Protocol::tcp,
                       .sources = std::vector<std::string>(64, std::string(128, 's')),
                       .rule = std::string(256, 'r')});
  }
  return out;
}

json written(const model::PolicyStatus& status) {
  return to_json(status, {.generation = 1}, model::SeenStatus{}, TimePoint{});
}

int number_of(const json& target) {
  const auto id = target["resourceID"].get<std::string>();
  return std::stoi(id.substr(id.rfind('-') + 1));
}

TEST_CASE("a text is cut between characters", "[api]") {
  for (std::size_t before = 0; before < 4; ++before) {
    auto one = target(1, false);
    std::string text(before, 'x');
    for (int i = 0; i < 2000; ++i) text += "\u20ac";  // three bytes each
    one.message = text;
    one.cut.push_back(
        {.ports = {22, 22}, .protocol = model::Protocol::tcp, .sources = {text}, .rule = text});
    model::PolicyStatus status;
    status.targets.push_back(std::move(one));
    CHECK_NOTHROW(written(status).dump());  // which throws at half a character
  }
}

TEST_CASE("all machines are shown as long as there is room, in their order", "[api]") {
  model::PolicyStatus status;
  for (int i = 0; i < 256; ++i) status.targets.push_back(target(i, i % 2 == 0));
  const json out = written(status);
  REQUIRE(out["targets"].size() == 256);
  CHECK_FALSE(out.contains("targetsOmitted"));
  for (int i = 0; i < 256; ++i) CHECK(number_of(out["targets"][static_cast<std::size_t>(i)]) == i);
}

TEST_CASE("of ten thousand machines those are shown that are not as they should be", "[api]") {
  model::PolicyStatus status{.summary = "9997/10000 locked"};
  for (int i = 0; i < 10'000; ++i) {
    status.targets.push_back(target(i, i != 300 && i != 5000 && i != 9999));
  }
  const json out = written(status);
  REQUIRE(out["targets"].size() == 256);
  CHECK(out["targetsOmitted"] == 10'000 - 256);
  CHECK(number_of(out["targets"][252]) == 252);
  CHECK(number_of(out["targets"][253]) == 300);
  CHECK(number_of(out["targets"][254]) == 5000);
  CHECK(number_of(out["targets"][255]) == 9999);
  CHECK(out.dump().size() < room);
}

TEST_CASE("however much there is to say of each machine, the status can be written", "[api]") {
  model::PolicyStatus status;
  const bool thousands = GENERATE(false, true);
  for (int i = 0; i < (thousands ? 10'000 : 200); ++i) status.targets.push_back(crowded(i));
  const json out = written(status);
  CHECK(out.dump().size() < room);
  CHECK(out["targets"].size() >= 16);
  CHECK(out["targets"].size() + out["targetsOmitted"].get<std::size_t>() == status.targets.size());
  CHECK(out["targets"][0]["cut"].size() >= 1);
}

TEST_CASE("a status in which all can be shown again says so", "[api]") {
  model::PolicyStatus status;
  status.targets.push_back(target(1, true));
  const auto patch = status_patch(written(status), {.generation = 1}, model::SeenStatus{});
  REQUIRE(patch);
  CHECK((*patch)["status"]["targetsOmitted"].is_null());
}

}  // namespace
}  // namespace portcullis::api
