// What the caches show may be over: right before anybody is let in the API server is asked.

#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

const char* const object_key = "jitpolicies/prod-ssh";

struct Behind : RequestScene {
  json port(int number, const json& exceptions = {}) const {
    json one = {{"port", number}, {"protocol", "TCP"}, {"maxDuration", "1h"}};
    if (!exceptions.is_null()) one["exceptions"] = exceptions;
    return one;
  }
  void set_port(const json& one) {
    api.edit(object_key, {{"spec", {{"ports", json::array({one})}}}});
  }

  /// What happens right before the API server answers about such an object, once.
  void when_asked_for(const std::string& kind, std::function<void()> what) {
    server.serve = [this, kind, what = std::move(what)](const net::Request& asked) mutable {
      const bool is_it = asked.method == "GET" && asked.target.find(kind) != std::string::npos;
      if (const auto act = is_it ? std::exchange(what, nullptr) : nullptr) act();
      return api.serve(asked);
    };
  }
  /// In the group's passes until nothing is left to be done, at most five.
  void settle() {
    for (int i = 0; i < 5; ++i) {
      (void)group_pass();
      clock.advance(2s);
    }
  }
  std::vector<int> locked() const {
    std::vector<int> ports;
    for (const auto& rule : cloud.groups.at(key).rules) {
      const auto mark = plan::read_mark(rule, world.instance);
      const auto* own = std::get_if<plan::OwnMark>(&mark);
      if (own == nullptr || own->kind != plan::RuleKind::lock) continue;
      for (const auto& range : rule.destination_ports) ports.push_back(range.first);
    }
    return ports;
  }
  bool has_keep() const { return std::ranges::count(kinds(), "keep") != 0; }
};

TEST_CASE_METHOD(Behind, "a lock goes only while the API server says what it goes by",
                 "[controllers]") {
  REQUIRE(locked() == std::vector{22});
  set_port(port(2222));
  REQUIRE(policy_pass());
  SECTION("the port is locked again meanwhile") { set_port(port(22)); }
  SECTION("likewise, and that is known before the API server is asked") {
    cloud.on_call = [this](const std::string& call) {
      if (!call.starts_with("put ")) return;
      cloud.on_call = nullptr;
      set_port(port(22));
      api.deliver(world);
    };
    (void)group_pass();
    REQUIRE_FALSE(cloud.on_call);
    CHECK(std::ranges::count(locked(), 22) == 1);
    return;  // the next pass is planned by the new spec
  }
  SECTION("another policy has its name") { api.objects[object_key]["metadata"]["uid"] = "other"; }
  SECTION("the policy is gone") { api.objects.erase(object_key); }
  SECTION("nobody can be asked") {
    server.serve = [this](const net::Request& asked) -> Result<net::Response> {
      if (asked.target.find("jitpolicies") != std::string::npos) {
        return fail(Error::Kind::unavailable, "no answer");
      }
      return api.serve(asked);
    };
  }
  settle();
  CHECK(std::ranges::count(locked(), 22) == 1);
}

TEST_CASE_METHOD(Behind, "a lock goes when the API server says so, too", "[controllers]") {
  set_port(port(2222));
  REQUIRE(policy_pass());
  settle();
  CHECK(locked() == std::vector{2222});
  api.remove(object_key);
  REQUIRE(policy_pass());
  settle();
  REQUIRE(policy_pass());
  settle();
  CHECK(locked().empty());
}

TEST_CASE_METHOD(Behind, "an exception that was taken back meanwhile is not made",
                 "[controllers]") {
  const json bastion = {{{"sources", {"198.51.100.0/28"}}, {"reason", "bastion"}}};
  set_port(port(22, bastion));
  REQUIRE(policy_pass());
  const bool taken_back = GENERATE(true, false);
  if (taken_back) set_port(port(22));
  settle();
  CHECK(has_keep() != taken_back);
  CHECK(locked() == std::vector{22});
}

TEST_CASE_METHOD(Behind, "what is found out of a machine while it is asked counts, too",
                 "[controllers]") {
  REQUIRE(pass());
  REQUIRE(is_decided());
  api.deliver(world);
  world.coming.settle("request");
  world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  const std::string kind = GENERATE("/accessverdicts/", "/accessrequests/");
  const bool replaced = GENERATE(true, false);
  when_asked_for(kind, [this, replaced] {
    auto& read = *world.machines[model::resource_key(vm)].machine;
    if (replaced) {
      read.vm_id = "vm-2";
    } else {
      read.paths[0].address = prefix("10.0.0.9");
    }
  });
  (void)group_pass();
  CHECK(std::ranges::none_of(cloud.writes, [](const std::string& write) {
    return write.find("-open-") != std::string::npos;
  }));
}

}  // namespace
}  // namespace portcullis::controllers
