#include "plan/lifecycle.hpp"

#include <catch2/catch.hpp>

#include "plan/reasons.hpp"
#include "plan/request_status.hpp"

using namespace std::chrono_literals;

namespace portcullis::plan {
namespace {

const TimePoint t0 = *parse_rfc3339("2026-11-22T12:00:00Z");
const std::string me = "system:serviceaccount:portcullis-system:portcullis";

struct Life {
  model::CloudAccount account;
  model::JitPolicy policy;
  model::AccessRequest request;
  model::AccessVerdict verdict;

  Life() {
    account.meta.name = "prod";
    account.access = {{.namespaces = {"team-a"}, .resource_groups = {"web"}}};
    policy.meta = {.ns = "team-a", .name = "prod-ssh", .uid = "p"};
    policy.account = "prod";
    policy.enforce = true;
    policy.targets = {{.resource_group = "web", .name = "web-1"}};
    policy.ports = {{.range = {22, 22}, .protocol = model::Protocol::tcp, .max_duration = 1h}};
    request.meta = {.ns = "team-a", .name = "ssh", .uid = "r", .created = t0};
    verdict.meta = {.ns = "team-a", .name = "r", .uid = "v", .created = t0};
    verdict.by = me;
    verdict.granted = true;
    verdict.reason = "PolicyAllows";
    verdict.request_name = "ssh";
    verdict.request_uid = "r";
    verdict.policy_name = "prod-ssh";
    verdict.policy_uid = "p";
    verdict.targets = {{.resource_id = "/subscriptions/s/resourceGroups/web/providers/"
                                       "Microsoft.Compute/virtualMachines/web-1",
                        .vm_id = "1"}};
    verdict.ports = {{.range = {22, 22}}};
    verdict.sources = {*model::parse_prefix("203.0.113.7")};
    verdict.duration = 10min;
  }

  Surroundings around() const {
    return {.request = &request, .policy = &policy, .account = &account};
  }
  std::optional<model::AccessVerdict::End> end(TimePoint now = t0 + 1s) const {
    return ends_early(verdict, around(), now);
  }
  model::RequestStatus status(TimePoint now, const Evidence& evidence) const {
    return describe_request(request, &verdict, end(now), {}, evidence, now);
  }
};

std::string ready_of(const model::RequestStatus& status) {
  for (const auto& condition : status.conditions) {
    if (condition.type == "Ready") return to_string(condition.status);
  }
  return "none";
}

TEST_CASE("the end of a grant is a function of what the API server stamped", "[lifecycle]") {
  Life life;
  CHECK((ends_at(life.verdict) == t0 + 10min));
  life.verdict.start_at = t0 + 1h;
  CHECK((ends_at(life.verdict) == t0 + 70min));
  life.verdict.start_at = t0 - 1h;  // a start in the past gives nothing back
  CHECK((ends_at(life.verdict) == t0 + 10min));
}

TEST_CASE("a verdict counts only with the operator's stamp and the request's uid", "[lifecycle]") {
  Life life;
  CHECK(counts(life.verdict, me));
  CHECK_FALSE(counts(life.verdict, ""));
  life.verdict.by = "mallory";
  CHECK_FALSE(counts(life.verdict, me));
  life.verdict.by = me;
  life.verdict.meta.name = "other";
  CHECK_FALSE(counts(life.verdict, me));
}

TEST_CASE("a grant is live from its start to its end, half-open", "[lifecycle]") {
  const Life life;
  CHECK_FALSE(is_live(life.verdict, life.around(), t0 - 1ms));
  CHECK(is_live(life.verdict, life.around(), t0));
  CHECK(is_live(life.verdict, life.around(), t0 + 10min - 1ms));
  CHECK_FALSE(is_live(life.verdict, life.around(), t0 + 10min));
}

TEST_CASE("whatever a grant stands on ends it when it goes", "[lifecycle]") {
  Life life;
  REQUIRE_FALSE(life.end());

  SECTION("given back") {
    life.request.revoke = true;
    CHECK(life.end()->reason == reason::returned);
  }
  SECTION("request being deleted") {
    life.request.meta.deleting = true;
    CHECK(life.end()->reason == reason::deleted);
  }
  SECTION("request re-created under its name") {
    life.request.meta.uid = "r2";
    CHECK(life.end()->reason == reason::deleted);
  }
  SECTION("verdict being deleted") {
    life.verdict.meta.deleting = true;
    CHECK(life.end()->reason == reason::deleted);
  }
  SECTION("policy suspended") {
    life.policy.suspend = true;
    CHECK(life.end()->reason == reason::suspended);
  }
  SECTION("policy re-created under its name") {
    life.policy.meta.uid = "p2";
    CHECK(life.end()->reason == reason::policy_deleted);
  }
  SECTION("policy back in Audit") {
    life.policy.enforce = false;
    CHECK(life.end()->reason == reason::policy_changed);
  }
  SECTION("policy tightened") {
    life.policy.ports[0].max_duration = 5min;
    CHECK(life.end()->reason == reason::policy_changed);
  }
  SECTION("one of its machines leaves the account's scope") {
    life.account.access[0].resource_groups = {"db"};
    CHECK(life.end()->reason == reason::namespace_not_allowed);
  }
  SECTION("account frozen") {
    life.account.freeze = true;
    CHECK(life.end()->reason == reason::frozen);
  }
  SECTION("account gives the namespace nothing any more") {
    life.account.access.clear();
    CHECK(life.end()->reason == reason::namespace_not_allowed);
  }
  CHECK_FALSE(is_live(life.verdict, life.around(), t0 + 1s));
}

TEST_CASE("a Revoke by somebody else ends a grant, and says who", "[lifecycle]") {
  const Life life;
  Surroundings around = life.around();
  around.revoked_by = "bob";
  around.revoked_why = "not today";
  const auto end = ends_early(life.verdict, around, t0 + 1s);
  REQUIRE(end);
  CHECK(end->reason == reason::revoked);
  CHECK(end->by == "bob");
  CHECK_THAT(end->message, Catch::Contains("bob") && Catch::Contains("not today"));
  CHECK_FALSE(is_live(life.verdict, around, t0 + 1s));
}

TEST_CASE("what has ended never opens again", "[lifecycle]") {
  Life life;
  life.verdict.ended = {.at = t0 + 5s, .reason = reason::suspended};
  CHECK_FALSE(is_live(life.verdict, life.around(), t0 + 6s));
  CHECK((life.end()->at == t0 + 5s));
}

TEST_CASE("an object that cannot be read ends nothing", "[lifecycle]") {
  const Life life;
  const Surroundings unread{.request = &life.request,
                            .policy = nullptr,
                            .account = nullptr,
                            .policy_readable = false,
                            .account_readable = false};
  CHECK_FALSE(ends_early(life.verdict, unread, t0 + 1s));
}

TEST_CASE("the states of a granted request follow evidence, not hope", "[lifecycle]") {
  Life life;
  const Evidence nothing{};
  const Evidence open{.open = true, .targets = {{.resource_id = "x", .addresses = {"20.50.0.4"}}}};
  const Evidence closed{.closed = true};

  CHECK(life.status(t0 + 1s, nothing).state == state::opening);
  const auto active = life.status(t0 + 2s, open);
  CHECK(active.state == state::active);
  CHECK(ready_of(active) == "True");
  CHECK_THAT(active.message, Catch::Contains("20.50.0.4") && Catch::Contains("22/TCP") &&
                                 Catch::Contains("2026-11-22T12:10:00Z"));
  CHECK((active.opened_at == t0 + 2s));

  life.request.status.opened_at = active.opened_at;
  CHECK(life.status(t0 + 10min, nothing).state == state::closing);
  CHECK(life.status(t0 + 10min, open).state == state::closing);
  const auto expired = life.status(t0 + 10min + 1s, closed);
  CHECK(expired.state == state::expired);
  CHECK(ready_of(expired) == "False");
  CHECK((expired.ended_at == t0 + 10min));

  life.request.revoke = true;
  CHECK(life.status(t0 + 1min, nothing).state == state::closing);
  CHECK(life.status(t0 + 1min, closed).state == state::revoked);
}

TEST_CASE("a grant that never was open has failed", "[lifecycle]") {
  const Life life;
  CHECK(life.status(t0 + 10min, Evidence{.closed = true}).state == state::failed);
  const auto said = [&](bool never_stood) {
    return life.status(t0 + 10min, Evidence{.closed = true, .never_stood = never_stood}).message;
  };
  CHECK(said(false).find("a rule may have stood") != std::string::npos);
  CHECK(said(true).find("no rule was ever written") != std::string::npos);
}

TEST_CASE("a closing that takes too long is called overdue", "[lifecycle]") {
  const Life life;
  const auto overdue = [&](TimePoint now) {
    for (const auto& condition : life.status(now, {}).conditions) {
      if (condition.type == "Overdue") return std::string(to_string(condition.status));
    }
    return std::string("none");
  };
  CHECK(overdue(t0 + 10min + overdue_grace - 1ms) == "False");
  CHECK(overdue(t0 + 10min + overdue_grace) == "True");
}

TEST_CASE("a refused request says how it was refused", "[lifecycle]") {
  Life life;
  life.verdict.granted = false;
  const auto state_for = [&](const char* why) {
    life.verdict.reason = why;
    return life.status(t0 + 1s, {}).state;
  };
  CHECK(state_for(reason::timed_out) == state::timed_out);
  CHECK(state_for(reason::withdrawn) == state::withdrawn);
  CHECK(state_for(reason::planned) == state::planned);
  CHECK(state_for(reason::audit) == state::planned);
  CHECK(state_for(reason::source_too_broad) == state::denied);
}

}  // namespace
}  // namespace portcullis::plan
