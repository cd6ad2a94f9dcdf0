#include "controllers/verdict_index.hpp"

#include <algorithm>

#include "scene.hpp"

namespace portcullis::controllers {
namespace {

const TimePoint noon{std::chrono::seconds(1'795'003'200)};
const std::string vm_key = model::resource_key(vm);

VerdictIndex::Pointer grant(const std::string& name, const std::string& uid, TimePoint created,
                            const std::string& request = "ssh") {
  model::AccessVerdict verdict;
  verdict.meta = {.ns = "team-a", .name = name, .uid = uid, .created = created};
  verdict.granted = true;
  verdict.request_name = request;
  verdict.policy_uid = "policy";
  verdict.targets = {{.resource_id = vm, .vm_id = "vm-1"}};
  verdict.duration = 10min;
  return std::make_shared<const model::AccessVerdict>(std::move(verdict));
}

std::vector<std::string> uids(VerdictIndex::ByEnd::const_iterator from,
                              VerdictIndex::ByEnd::const_iterator to) {
  std::vector<std::string> out;
  for (; from != to; ++from) out.push_back((*from)->meta.uid);
  return out;
}
std::vector<std::string> uids(const VerdictIndex::ByEnd& grants) {
  return uids(grants.begin(), grants.end());
}

using Names = std::vector<std::string>;

TEST_CASE("a grant is found by all that it is asked for by", "[controllers]") {
  VerdictIndex index;
  const auto one = grant("a", "one", noon);
  index.change(nullptr, one);
  CHECK(index.find("one") == one);
  CHECK(index.about("team-a/ssh") == std::set<std::string>{"team-a/a"});
  CHECK(uids(index.of_policy("policy")) == Names{"one"});
  CHECK(uids(index.on_machine(vm_key)) == Names{"one"});
  CHECK(uids(index.grants()) == Names{"one"});
  CHECK(index.find("two") == nullptr);
  CHECK(index.of_policy("other").empty());
}

TEST_CASE("a refusal is no grant", "[controllers]") {
  VerdictIndex index;
  model::AccessVerdict refused = *grant("a", "one", noon);
  refused.granted = false;
  index.change(nullptr, std::make_shared<const model::AccessVerdict>(refused));
  CHECK(index.find("one") == nullptr);
  CHECK(index.about("team-a/ssh").size() == 1);
  CHECK(index.grants().empty());
  CHECK(index.of_policy("policy").empty());
  CHECK(index.on_machine(vm_key).empty());
}

TEST_CASE("grants are in the order of their ends, however many end at once", "[controllers]") {
  VerdictIndex index;
  index.change(nullptr, grant("c", "late", noon + 1min));
  index.change(nullptr, grant("b", "second", noon));
  index.change(nullptr, grant("a", "first", noon));
  const auto& all = index.grants();
  CHECK(uids(all) == Names{"first", "second", "late"});
  CHECK(uids(VerdictIndex::ending_after(all, noon + 10min - 1ms), all.end()) ==
        Names{"first", "second", "late"});
  CHECK(uids(VerdictIndex::ending_after(all, noon + 10min), all.end()) == Names{"late"});
}

TEST_CASE("the minute of an end is the one that is over then", "[controllers]") {
  VerdictIndex index;
  const auto in = [&](TimePoint minute) {
    const auto [first, last] = index.ending_in(minute);
    return uids(first, last);
  };
  index.change(nullptr, grant("a", "on-the-minute", noon));
  index.change(nullptr, grant("b", "a-moment-later", noon + 1ms));
  CHECK(in(noon + 10min) == Names{"on-the-minute"});
  CHECK(in(noon + 11min) == Names{"a-moment-later"});
  CHECK(in(noon + 12min).empty());
}

TEST_CASE("what went is nowhere any more", "[controllers]") {
  VerdictIndex index;
  const auto one = grant("a", "one", noon);
  const auto two = grant("b", "two", noon);
  index.change(nullptr, one);
  index.change(nullptr, two);
  index.change(one, nullptr);
  CHECK(index.find("one") == nullptr);
  CHECK(index.about("team-a/ssh") == std::set<std::string>{"team-a/b"});
  CHECK(uids(index.of_policy("policy")) == Names{"two"});
  CHECK(uids(index.on_machine(vm_key)) == Names{"two"});
  CHECK(uids(index.grants()) == Names{"two"});
}

TEST_CASE("one that is made anew under its name takes the place of the other", "[controllers]") {
  VerdictIndex index;
  const auto before = grant("a", "before", noon);
  const auto after = grant("a", "after", noon + 1h, "rdp");
  index.change(nullptr, before);
  index.change(before, after);
  CHECK(index.find("before") == nullptr);
  CHECK(index.find("after") == after);
  CHECK(index.about("team-a/ssh").empty());
  CHECK(index.about("team-a/rdp").size() == 1);
  CHECK(uids(index.of_policy("policy")) == Names{"after"});
  CHECK(uids(index.on_machine(vm_key)) == Names{"after"});
  CHECK(uids(index.grants()) == Names{"after"});
}

TEST_CASE("what a change tells is shown at once", "[controllers]") {
  VerdictIndex index;
  const auto before = grant("a", "one", noon);
  model::AccessVerdict ended = *before;
  ended.ended = model::AccessVerdict::End{.at = noon, .reason = "Revoked"};
  const auto after = std::make_shared<const model::AccessVerdict>(ended);
  index.change(nullptr, before);
  index.change(before, after);
  CHECK(index.find("one") == after);
  CHECK(index.grants().begin()->get() == after.get());
  CHECK(index.on_machine(vm_key).begin()->get() == after.get());
  CHECK(index.of_policy("policy").begin()->get() == after.get());
}

TEST_CASE("one that has moved to another key before its old key goes stays", "[controllers]") {
  VerdictIndex index;
  const auto one = grant("a", "one", noon);
  const auto moved = grant("b", "one", noon);
  index.change(nullptr, one);
  index.change(nullptr, moved);
  index.change(one, nullptr);
  CHECK(index.find("one") == moved);
  CHECK(index.about("team-a/ssh") == std::set<std::string>{"team-a/b"});
  CHECK(uids(index.grants()) == Names{"one"});
}

TEST_CASE_METHOD(Scene, "the indexes follow the stores through new lists", "[controllers]") {
  using Keys = std::set<std::string>;
  const auto requests_of = [this](const char* policy) {
    Keys keys;
    for (const auto& one : world.request_index.of("team-a", policy)) {
      CHECK(one == world.stores.requests.find(one->meta.key()));
      keys.insert(one->meta.key());
    }
    return keys;
  };
  grant();
  const std::string verdict_key = "team-a/request";
  REQUIRE(world.verdict_index.find("verdict") == world.stores.verdicts.find(verdict_key));
  CHECK(requests_of("prod-ssh") == Keys{"team-a/ssh"});
  CHECK(world.policy_index.naming("web", "web-1") == Keys{"team-a/prod-ssh"});

  SECTION("a list that shows the same") {
    put(world.stores.verdicts, live_verdict);
    CHECK(world.verdict_index.find("verdict") == world.stores.verdicts.find(verdict_key));
    CHECK(world.verdict_index.grants().size() == 1);
  }
  SECTION("a list that shows another one under the name") {
    live_verdict["metadata"]["uid"] = "another";
    put(world.stores.verdicts, live_verdict);
    CHECK(world.verdict_index.find("verdict") == nullptr);
    CHECK(world.verdict_index.find("another") == world.stores.verdicts.find(verdict_key));
    CHECK(world.verdict_index.grants().size() == 1);
  }
  SECTION("a list in which it is gone") {
    world.stores.verdicts.begin_replace();
    world.stores.verdicts.end_replace();
    CHECK(world.verdict_index.find("verdict") == nullptr);
    CHECK(world.verdict_index.about("team-a/ssh").empty());
    CHECK(world.verdict_index.grants().empty());
  }
  SECTION("one that cannot be read any more") {
    simdjson::dom::parser parser;
    live_verdict["spec"]["duration"] = "soon";
    world.stores.verdicts.put(parser.parse(live_verdict.dump()).value());
    REQUIRE(world.stores.verdicts.poisoned().contains(verdict_key));
    CHECK(world.verdict_index.find("verdict") == nullptr);
    CHECK(world.verdict_index.grants().empty());
  }
  SECTION("a list that was not read to its end changes nothing") {
    world.stores.verdicts.begin_replace();
    world.stores.verdicts.abort_replace();
    CHECK(world.verdict_index.find("verdict") != nullptr);
  }
  SECTION("a request that names another policy") {
    json other = request();
    other["spec"]["policyRef"]["name"] = "rdp";
    put(world.stores.requests, other);
    CHECK(requests_of("prod-ssh").empty());
    CHECK(requests_of("rdp") == Keys{"team-a/ssh"});
  }
  SECTION("a list in which the request is gone, and another has come") {
    json other = request();
    other["metadata"]["name"] = "another";
    put(world.stores.requests, other);
    CHECK(requests_of("prod-ssh") == Keys{"team-a/another"});
  }
  SECTION("a status of the request") {
    json other = request();
    other["status"]["state"] = "Pending";
    put(world.stores.requests, other);
    CHECK(requests_of("prod-ssh") == Keys{"team-a/ssh"});
  }
  SECTION("a policy that names another machine") {
    json other = policy();
    other["spec"]["targets"][0]["virtualMachine"]["name"] = "web-2";
    put(world.stores.policies, other);
    CHECK(world.policy_index.naming("web", "web-1").empty());
    CHECK(world.policy_index.naming("web", "web-2") == Keys{"team-a/prod-ssh"});
  }
}

}  // namespace
}  // namespace portcullis::controllers
