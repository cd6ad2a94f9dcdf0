#include "controllers/group_order.hpp"

#include "request_scene.hpp"

namespace portcullis::controllers {
namespace {

using cloud::Work;

/// A group with several grants, and what its calls were said to be for.
struct Ordered : RequestScene {
  GroupView& view() { return world.groups.at(key); }

  /// From another address, until `lasts` from now; to be opened by the next pass.
  void add_grant(const std::string& name, const std::string& source, Duration lasts) {
    json granted = held(verdict());
    granted["metadata"]["name"] = name;
    granted["metadata"]["uid"] = name;
    granted["spec"]["requestRef"] = {{"name", name}, {"uid", name}};
    granted["spec"]["sources"] = {source};
    granted["spec"]["duration"] = format_duration(lasts);
    json asked_for = held(request());
    asked_for["metadata"]["name"] = name;
    asked_for["metadata"]["uid"] = name;
    api.objects["accessverdicts/" + name] = granted;
    api.objects["accessrequests/" + name] = asked_for;
    api.deliver(world);
    world.mark_group(nsg, runtime::Workqueue::Urgency::normal);
  }

  bool is_open_for(const std::string& source) const {
    return std::ranges::any_of(cloud.groups.at(key).rules, [&](const auto& rule) {
      return rule.name.find("-open-") != std::string::npos &&
             model::PrefixSet::of(rule.source.prefixes).contains(prefix(source.c_str()));
    });
  }

  /// Each write takes so long.
  void slow_writes(Duration take) {
    cloud.on_call = [this, take](const std::string& call) {
      if (call.starts_with("put ") || call.starts_with("remove ")) clock.advance(take);
    };
  }

  /// The works of the calls since the last time.
  std::vector<std::pair<std::string, Work>> works() {
    auto out = std::exchange(cloud.works, {});
    for (auto& [call, work] : out) {
      call = call.substr(0, call.find(' '));
    }
    return out;
  }
};

using Works = std::vector<std::pair<std::string, Work>>;

TEST_CASE_METHOD(Ordered, "each call says what it is for", "[controllers]") {
  // Locked by the scene: the group was not known, then there was a lock to be proven.
  CHECK(works() ==
        Works{{"read_group", Work::lock}, {"put", Work::lock}, {"read_group", Work::lock}});
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::drift}});
  add_grant("a", "203.0.113.1", 10min);
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::opening},
                         {"put", Work::opening},
                         {"read_group", Work::opening}});
  clock.advance(10min);
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::closing},
                         {"remove", Work::closing},
                         {"read_group", Work::closing}});
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::drift}});
}

TEST_CASE_METHOD(Ordered, "what is long due to close is overdue", "[controllers]") {
  add_grant("a", "203.0.113.1", 10min);
  REQUIRE(group_pass());
  clock.advance(10min + 30s);
  works();
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::overdue_closing},
                         {"remove", Work::overdue_closing},
                         {"read_group", Work::overdue_closing}});
}

TEST_CASE_METHOD(Ordered, "whoever revokes makes the next reading urgent", "[controllers]") {
  REQUIRE(group_pass());
  works();
  world.mark_group(nsg, runtime::Workqueue::Urgency::closing);
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::closing}});
  // It was nothing: the next one is not.
  REQUIRE(group_pass());
  CHECK(works() == Works{{"read_group", Work::drift}});
}

TEST_CASE_METHOD(Ordered, "an opening waits for a closing that is due before it would have ended",
                 "[controllers]") {
  add_grant("a", "203.0.113.1", 40s);
  REQUIRE(group_pass());
  slow_writes(2s);
  view().write_takes = 4s;
  clock.advance(37s);
  add_grant("b", "203.0.113.2", 10min);
  const TimePoint end = clock.now() + 3s;
  cloud.writes.clear();
  const auto next = group_pass();
  REQUIRE(next);
  CHECK(cloud.writes.empty());
  CHECK((next->at == end));
  CHECK(next->urgency == runtime::Workqueue::Urgency::closing);
  clock.advance(3s);
  REQUIRE(group_pass());
  CHECK_FALSE(is_open_for("203.0.113.1"));
  CHECK(is_open_for("203.0.113.2"));
}

TEST_CASE_METHOD(Ordered, "an opening that ends in time goes at once", "[controllers]") {
  add_grant("a", "203.0.113.1", 40s);
  REQUIRE(group_pass());
  view().write_takes = 2s;
  clock.advance(38s);
  add_grant("b", "203.0.113.2", 10min);
  REQUIRE(group_pass());
  CHECK(is_open_for("203.0.113.2"));
}

TEST_CASE_METHOD(Ordered, "whatever ends while openings are asked about goes before the next one",
                 "[controllers]") {
  add_grant("a", "203.0.113.1", 10min);
  REQUIRE(group_pass());
  for (int i = 2; i < 5; ++i) {
    add_grant("b" + std::to_string(i), "203.0.113." + std::to_string(i), 20min + i * 1min);
  }
  int asked = 0;
  server.serve = [&](const net::Request& request) {
    if (request.method == "GET" && request.target.find("/accessverdicts/") != std::string::npos &&
        ++asked == 1) {
      api.edit("jitpolicies/prod-ssh", {{"spec", {{"suspend", true}}}});
      api.deliver(world);
      world.mark_group(nsg, runtime::Workqueue::Urgency::closing);
    }
    return api.serve(request);
  };
  (void)group_pass();
  CHECK(asked == 1);
  CHECK(is_open_for("203.0.113.1"));
  (void)group_pass();
  CHECK(asked == 1);
  CHECK(kinds() == Kinds{"lock", "foreign"});
}

/// Grants b0 to b2 are to be opened in one rule, and each question about them takes so long.
struct Questioned : Ordered {
  int asked = 0;

  void question(Duration takes, std::function<void()> at_first = nullptr) {
    server.serve = [this, takes, at_first](const net::Request& request) {
      if (request.method == "GET") {
        if (++asked == 1 && at_first) at_first();
        clock.advance(takes);
      }
      return api.serve(request);
    };
    for (int i = 0; i < 3; ++i) {
      add_grant("b" + std::to_string(i), "203.0.113." + std::to_string(i + 2), 20min);
    }
  }
};

TEST_CASE_METHOD(Questioned, "no more is asked about an opening when something has to close",
                 "[controllers]") {
  add_grant("a", "203.0.113.1", 10min);
  REQUIRE(group_pass());
  question(1s, [this] { world.mark_group(nsg, runtime::Workqueue::Urgency::closing); });
  cloud.writes.clear();
  REQUIRE(group_pass());
  CHECK(asked == 1);
  CHECK(cloud.writes.empty());
  REQUIRE(group_pass());
  CHECK(asked == 7);
  CHECK(is_open_for("203.0.113.4"));
}

TEST_CASE_METHOD(Questioned, "an opening that was asked about until the next closing waits for it",
                 "[controllers]") {
  add_grant("a", "203.0.113.1", 40s);
  REQUIRE(group_pass());
  view().write_takes = 2s;
  clock.advance(35s);
  question(1s);
  cloud.writes.clear();
  const auto next = group_pass();
  REQUIRE(next);
  CHECK(asked == 4);
  CHECK(cloud.writes.empty());
  clock.advance(1s);
  REQUIRE(group_pass());
  CHECK_FALSE(is_open_for("203.0.113.1"));
}

TEST_CASE_METHOD(Questioned, "closings all the time do not keep an opening from being asked about",
                 "[controllers]") {
  question(1s, nullptr);
  const auto ask = server.serve;
  server.serve = [this, ask](const net::Request& request) {
    world.mark_group(nsg, runtime::Workqueue::Urgency::closing);
    return ask(request);
  };
  for (int i = 0; i < 60 && !is_open_for("203.0.113.4"); ++i) REQUIRE(group_pass());
  CHECK(is_open_for("203.0.113.4"));
}

TEST_CASE_METHOD(Ordered, "closings each second do not hold an opening for ever", "[controllers]") {
  for (int i = 0; i < 60; ++i) {
    add_grant("a" + std::to_string(i), "203.0.113." + std::to_string(i + 1), 45s + i * 1s);
  }
  while (!view().plan.in_sync() || !is_open_for("203.0.113.60")) REQUIRE(group_pass());
  slow_writes(1s);
  view().write_takes = 3s;
  clock.advance(44s);
  const TimePoint asked_at = clock.now();
  add_grant("b", "198.51.100.1", 10min);
  add_grant("c", "198.51.100.2", 11min);
  Duration latest{0};
  while (!is_open_for("198.51.100.2") && clock.now() < asked_at + 60s) {
    const auto next = group_pass();
    REQUIRE(next);
    clock.advance(std::max<Duration>(*next->at - clock.now(), 20ms));
    for (int i = 0; i < 60; ++i) {
      const TimePoint ended = asked_at + 1s + i * 1s;
      if (ended > clock.now() || !is_open_for("203.0.113." + std::to_string(i + 1))) continue;
      latest = std::max<Duration>(latest, clock.now() - ended);
    }
    if (clock.now() < asked_at + 10s) CHECK_FALSE(is_open_for("198.51.100.1"));
  }
  CHECK(clock.now() < asked_at + 25s);
  CHECK(latest <= 3s);  // the closing before it, one opening, its own
}

TEST_CASE_METHOD(Ordered, "how long writes take is learned at once, and forgotten slowly",
                 "[controllers]") {
  GroupView one;
  note_write_time(one, 8s);
  CHECK(one.write_takes == 8s);
  note_write_time(one, 0s);
  CHECK(one.write_takes == 4s);
  for (int i = 0; i < 10; ++i) note_write_time(one, 0s);
  CHECK(one.write_takes == 500ms);
  note_write_time(one, 5min);
  CHECK(one.write_takes == 15s);
}

TEST_CASE_METHOD(Ordered, "a budget used up by openings does not put off a group's closing",
                 "[controllers]") {
  add_grant("a", "203.0.113.1", 40s);
  REQUIRE(group_pass());
  clock.advance(10s);
  add_grant("b", "203.0.113.2", 10min);
  const TimePoint end = clock.now() + 30s;
  cloud.on_call = [this](const std::string& call) {
    if (call.starts_with("put ")) {
      cloud.fail_once[call] = {.kind = Error::Kind::throttled, .message = "for closings"};
    }
  };
  CHECK_FALSE(group_pass());
  // As the queue says: at the end of the grant at the latest, whatever the waits after failures.
  asio::co_spawn(io, world.group_queue.run_timers(), asio::detached);
  clock.run_for(io, end - clock.now());
  CHECK(world.group_queue.ready() == 1);
  works();
  group_pass();
  CHECK_FALSE(is_open_for("203.0.113.1"));
}

}  // namespace
}  // namespace portcullis::controllers
