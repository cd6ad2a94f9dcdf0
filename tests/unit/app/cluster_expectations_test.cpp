#include "app/cluster_expectations.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

using nlohmann::json;
using Level = Finding::Level;

constexpr TimePoint now{1'795'000'000s};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("an API server is judged by its version", "[check]") {
  const auto [minor, level] = GENERATE(table<std::string, Level>({{"30", Level::fail},
                                                                  {"31", Level::warn},
                                                                  {"35+", Level::warn},
                                                                  {"36", Level::ok},
                                                                  {"40", Level::ok},
                                                                  {"x", Level::warn}}));
  const auto finding =
      judge_version({{"major", "1"}, {"minor", minor}, {"gitVersion", "v1." + minor}}, "https://s");
  CAPTURE(finding.message);
  CHECK(finding.level == level);
  CHECK(holds(finding.message, "https://s"));
  CHECK((finding.level == Level::ok || minor == "x" || !finding.mend.empty()));
}

TEST_CASE("a clock that is off is told before it stops openings", "[check]") {
  CHECK(judge_clock(4s).level == Level::ok);
  CHECK(judge_clock(-4s).level == Level::ok);
  CHECK(judge_clock(6s).message == "this machine's clock is 6s behind the servers'");
  CHECK(judge_clock(-6s).level == Level::warn);
  CHECK(judge_clock(-31s).level == Level::fail);
  CHECK(judge_clock(-31s).message == "this machine's clock is 31s ahead of the servers'");
}

TEST_CASE("the kinds and rights of this build are known", "[check]") {
  const auto crds = shipped_crds();
  CHECK(crds.size() == 5);
  CHECK(crds.contains("jitpolicies.portcullis.dev"));
  const auto rights = shipped_rights("elsewhere");
  const auto find = [&](const std::string& resource, const std::string& verb) {
    return std::ranges::find_if(rights, [&](const kube::AccessAttributes& right) {
      return right.resource == resource && right.verb == verb;
    });
  };
  REQUIRE(find("accessverdicts", "delete") != rights.end());
  CHECK(find("accessverdicts", "delete")->ns.empty());
  CHECK(find("accessverdicts", "delete")->group == "portcullis.dev");
  REQUIRE(find("leases", "update") != rights.end());
  CHECK(find("leases", "update")->ns == "elsewhere");
  CHECK(find("leases", "update")->name == "portcullis");
  const auto status = std::ranges::count_if(
      rights, [](const kube::AccessAttributes& right) { return right.subresource == "status"; });
  CHECK(status == 12);
  CHECK(find("secrets", "get") == rights.end());
}

struct Crd {
  const std::string name = "jitpolicies.portcullis.dev";
  const json shipped = shipped_crds().at(name);
  json served{{"resources", {{{"name", "jitpolicies"}}, {{"name", "jitpolicies/status"}}}}};
  json seen = shipped;

  Finding judge() const { return judge_crd(name, shipped, served, seen); }
};

TEST_CASE_METHOD(Crd, "a CRD counts if it is served and says what was shipped", "[check]") {
  CHECK(judge().level == Level::ok);
  seen["spec"]["conversion"] = {{"strategy", "None"}};  // the server's own default
  CHECK(judge().level == Level::ok);
  SECTION("another schema") {
    seen["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["type"] = "array";
    CHECK(judge().level == Level::fail);
    CHECK(holds(judge().message, "spec.versions[0].schema.openAPIV3Schema.type"));
  }
  SECTION("conversion by somebody's webhook") {
    seen["spec"]["conversion"] = {{"strategy", "Webhook"}};
    CHECK(judge().level == Level::fail);
  }
  SECTION("not in the version that we speak") {
    served["resources"] = json::array();
    CHECK(judge().level == Level::fail);
    CHECK(judge().message == "is not served in portcullis.dev/v1alpha1");
  }
  SECTION("no kind of ours is there") {
    const auto finding = judge_crd(name, shipped, fail(Error::Kind::not_found, "404"), seen);
    CHECK(finding.message == "is not served in portcullis.dev/v1alpha1");
  }
  SECTION("whoever may not read CRDs sees that it is served") {
    const auto finding = judge_crd(name, shipped, served, fail(Error::Kind::forbidden, "403"));
    CHECK(finding.level == Level::ok);
    CHECK(holds(finding.message, "not compared"));
  }
  SECTION("what could not be asked was not checked") {
    const auto failure = fail(Error::Kind::unavailable, "503");
    for (const auto& finding :
         {judge_crd(name, shipped, failure, seen), judge_crd(name, shipped, served, failure)}) {
      CHECK(finding.level == Level::warn);
      CHECK(holds(finding.message, "not checked"));
      CHECK(holds(finding.message, "503"));
    }
  }
}

TEST_CASE("guards that name another operator are not put back from the plain manifests",
          "[check]") {
  CHECK(holds(mend_guards(true, "system:serviceaccount:portcullis-system:portcullis"),
              "kubectl replace -k manifests/admission ("));
  CHECK(holds(mend_guards(false, "system:serviceaccount:portcullis-system:portcullis"),
              "kubectl replace -k manifests/admission-before-1.36 ("));
  CHECK_FALSE(holds(mend_guards(true, "system:serviceaccount:jit:portcullis"), "kubectl replace"));
}

TEST_CASE("missing rights are told by resource, and none is taken for granted", "[check]") {
  const kube::AccessAttributes list{.group = "g", .resource = "things", .verb = "list"};
  const kube::AccessAttributes watch{.group = "g", .resource = "things", .verb = "watch"};
  const kube::AccessAttributes lease{
      .group = "", .resource = "leases", .ns = "here", .name = "one", .verb = "get"};
  CHECK(judge_rights({{list, true}, {lease, true}}, "op") ==
        Findings{ok("rights", "op has all 2 of the shipped roles")});
  const auto missing = judge_rights({{list, false}, {lease, false}, {watch, false}}, "op");
  REQUIRE(missing.size() == 2);
  CHECK(missing[0].message == "op may not get leases \"one\" in namespace here");
  CHECK(missing[1].message == "op may not list, watch things.g");
  const auto unknown =
      judge_rights({{list, true}, {watch, fail(Error::Kind::forbidden, "no")}}, "op");
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].level == Level::warn);
  CHECK(holds(unknown[0].message, "not checked"));
}

TEST_CASE("a lease tells whether an operator runs", "[check]") {
  json lease{{"spec",
              {{"holderIdentity", "pod-1"},
               {"leaseDurationSeconds", 15},
               {"renewTime", format_micro_time(now - 10s)}}}};
  CHECK(judge_lease(lease, "ns", now).level == Level::ok);
  lease["spec"]["renewTime"] = format_micro_time(now - 5min);
  CHECK(judge_lease(lease, "ns", now).message ==
        "pod-1 has not renewed it for 5m: no operator runs");
  lease["spec"].erase("renewTime");
  CHECK(judge_lease(lease, "ns", now).level == Level::warn);
  lease["spec"]["holderIdentity"] = "";
  CHECK(judge_lease(lease, "ns", now).message == "nobody holds it: no operator runs");
  CHECK(judge_lease(fail(Error::Kind::not_found, "404"), "ns", now).level == Level::warn);
  CHECK(judge_lease(fail(Error::Kind::forbidden, "403"), "ns", now).message == "not checked: 403");
}

TEST_CASE("an object that is not Ready says why", "[check]") {
  json object{{"metadata", json::object()}};
  CHECK(judge_ready("policy a", object, "look").level == Level::warn);
  object["status"]["conditions"] = {
      {{"type", "Locked"}, {"status", "True"}},
      {{"type", "Ready"}, {"status", "False"}, {"reason", "Bypassed"}, {"message", "by rule x"}}};
  CHECK(judge_ready("policy a", object, "look") ==
        failed("policy a", "not Ready, Bypassed: by rule x", "look"));
  object["status"]["conditions"][1]["status"] = "True";
  CHECK(judge_ready("policy a", object, "look").level == Level::ok);
  object["metadata"]["generation"] = 3;
  object["status"]["observedGeneration"] = 2;
  CHECK(judge_ready("policy a", object, "look") ==
        warn("policy a", "no operator has looked at it as it is now", "start the operator"));
  object["status"]["observedGeneration"] = 3;
  CHECK(judge_ready("policy a", object, "look").level == Level::ok);
  object["metadata"]["deletionTimestamp"] = "2026-11-22T18:45:00Z";
  CHECK(judge_ready("policy a", object, "look").level == Level::warn);
}

TEST_CASE("a finding is one line, whatever a server said", "[check]") {
  CHECK(to_text(failed("a", "two\nlines\r\n", "mend")) == "FAIL  a: two lines   -> mend");
  CHECK(to_text(ok("a", "well")) == "ok    a: well");
  const Findings findings{ok("a", ""), warn("b", "", ""), failed("c", "", "")};
  CHECK(summary_of(findings) == "1 FAIL, 1 warn, 1 ok");
  CHECK(any_failed(findings));
  CHECK_FALSE(any_failed({ok("a", ""), warn("b", "", "")}));
  CHECK(to_json(findings)["ok"] == false);
}

}  // namespace
}  // namespace portcullis::app
