#include "plan/rule_codec.hpp"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <iostream>

namespace portcullis::plan {
namespace {

const std::string instance = "abcd1234";
const std::string hash20 = "abcdefghij2345672345";
const std::string owner16 = "abcdefghijklmnop";

std::string name_of(std::string_view kind) {
  return "portcullis-" + instance + "-" + std::string(kind) + "-" + hash20;
}

bool is_foreign(const Mark& mark) { return std::holds_alternative<ForeignMark>(mark); }
bool is_unreadable(const Mark& mark) { return std::holds_alternative<UnreadableMark>(mark); }

TEST_CASE("An open rule carries its own end") {
  const TimePoint end = parse_rfc3339("2026-11-22T18:45:00.900Z").value();
  const std::string text = describe({.kind = RuleKind::open, .until = end});
  CHECK(text == "portcullis/v1 open until=2026-11-22T18:45:00Z");
  const auto mark = std::get<OwnMark>(read_mark(name_of("open"), text, instance));
  CHECK(mark.kind == RuleKind::open);
  CHECK(mark.until == parse_rfc3339("2026-11-22T18:45:00Z"));
  CHECK_FALSE(mark.expired(*mark.until - Duration(1)));
  CHECK(mark.expired(*mark.until));
}

TEST_CASE("A lock and a keep carry their owner") {
  const std::string owner = owner_of("prod", "team-a", "ssh");
  CHECK(owner.size() == 16);
  CHECK(owner != owner_of("prod", "team-a", "ssh2"));
  CHECK(owner != owner_of("prod", "team", "a-ssh"));
  for (const RuleKind kind : {RuleKind::lock, RuleKind::keep}) {
    const std::string text = describe({.kind = kind, .owner = owner});
    const auto mark = std::get<OwnMark>(read_mark(name_of(to_string(kind)), text, instance));
    CHECK(mark.kind == kind);
    CHECK(mark.owner == owner);
  }
}

TEST_CASE("A name is ours whatever its letter case, as for ARM") {
  const std::string text = describe({.kind = RuleKind::lock, .owner = owner16});
  CHECK(std::holds_alternative<OwnMark>(
      read_mark("Portcullis-ABCD1234-Lock-" + hash20, text, instance)));
}

TEST_CASE("Names fit into ARM's 80 characters and descriptions into its 140") {
  for (const RuleKind kind : {RuleKind::lock, RuleKind::keep, RuleKind::open, RuleKind::shut}) {
    const std::string name = rule_name(instance, kind, "some identity");
    CHECK(name.size() <= 80);
    const OwnMark mark{.kind = kind, .owner = owner16, .until = TimePoint{}};
    CHECK(describe(mark).size() <= 140);
  }
  CHECK(rule_name(instance, RuleKind::open, "a") != rule_name(instance, RuleKind::open, "b"));
  CHECK(is_instance("abcd1234"));
  CHECK_FALSE(is_instance("abcd123"));
  CHECK_FALSE(is_instance("ABCD1234"));
}

TEST_CASE("What does not have our name is foreign, whatever it describes") {
  const std::string text = "portcullis/v1 open until=2026-11-22T18:45:00Z";
  const auto* name =
      GENERATE("ssh", "", "portcullis", "portcullis-", "portcullis-abc-open-x",
               "xportcullis-abcd1234-open-abcdefghij2345672345", "portcullis-abcd1234",
               "portcullis-abcd12345-open-abcdefghij23456723");
  CAPTURE(name);
  CHECK(is_foreign(read_mark(name, text, instance)));
}

TEST_CASE("A rule of another instance is foreign, but it can be told what it is") {
  const std::string name = "portcullis-zzzz9999-open-" + hash20;
  const auto mark = std::get<ForeignMark>(
      read_mark(name, "portcullis/v1 open until=2026-11-22T18:45:00Z", instance));
  CHECK(mark.instance == "zzzz9999");
  CHECK(mark.kind == RuleKind::open);
  CHECK(mark.until == parse_rfc3339("2026-11-22T18:45:00Z"));
  const auto vague = std::get<ForeignMark>(read_mark(name, "free text", instance));
  CHECK(vague.instance == "zzzz9999");
  CHECK_FALSE(vague.kind);
}

TEST_CASE("A name tells its instance, whatever stands behind it") {
  CHECK(instance_of("Portcullis-ABCD1234-lock-" + hash20) == "abcd1234");
  CHECK(instance_of("portcullis-zzzz9999-whatever") == "zzzz9999");
  const auto* name =
      GENERATE("ssh", "", "portcullis-", "portcullis-abcd1234", "portcullis-abc-open",
               "portcullis-abcd12345-open", "xportcullis-abcd1234-open");
  CAPTURE(name);
  CHECK_FALSE(instance_of(name));
}

TEST_CASE("Words of a later version are let pass, other text is not") {
  const std::string text = "portcullis/v1 open until=2026-11-22T18:45:00Z";
  CHECK(std::holds_alternative<OwnMark>(read_mark(name_of("open"), text + " zone=3", instance)));
  const auto* tail = GENERATE(" ", " please keep", "  zone=3", " zone=", " =3", " Zone=3",
                              " zone=\xc3\xa9", "\n", " until=2026-11-22T18:46:00Z", "x");
  CAPTURE(tail);
  CHECK(is_unreadable(read_mark(name_of("open"), text + tail, instance)));
}

TEST_CASE("Our name with a description that is not ours is unreadable") {
  const auto* text = GENERATE(
      "", "portcullis/v1", "portcullis/v1 open", "portcullis/v2 open until=2026-11-22T18:45:00Z",
      "portcullis/v1 lock owner=abcdefghijklmnop", "portcullis/v1 open until=soon",
      "portcullis/v1 open until=2026-11-22T18:45:00+01:00",
      "portcullis/v1 open until=2026-11-22t18:45:00z",
      "portcullis/v1 open until=2026-11-22T18:45:00.5Z",
      "portcullis/v1 open until=2026-02-30T18:45:00Z", "portcullis/v1 open owner=abcdefghijklmnop",
      " portcullis/v1 open until=2026-11-22T18:45:00Z");
  CAPTURE(text);
  CHECK(is_unreadable(read_mark(name_of("open"), text, instance)));
}

TEST_CASE("A name that is ours only in part is unreadable, not foreign") {
  const std::string text = "portcullis/v1 open until=2026-11-22T18:45:00Z";
  CHECK(is_unreadable(read_mark("portcullis-abcd1234-open-short", text, instance)));
  CHECK(is_unreadable(read_mark("portcullis-abcd1234-", text, instance)));
  CHECK(is_unreadable(read_mark("portcullis-abcd1234-slam-" + hash20, text, instance)));
  CHECK(is_unreadable(read_mark(name_of("lock"), text, instance)));
  CHECK(is_unreadable(
      read_mark(name_of("lock"), "portcullis/v1 lock owner=ABCDEFGHIJKLMNOP", instance)));
}

TEST_CASE("Reading a description never fails, and what was written is read back") {
  rc::prop("for any text", [](const std::string& text) {
    read_mark(name_of("open"), text, instance);
    read_mark(text, text, instance);
    read_mark("portcullis-" + text, "portcullis/v1 " + text, instance);
  });
  rc::prop("for any end up to the year 9999", [] {
    const auto seconds = *rc::gen::inRange<std::int64_t>(0, 253402300799);
    const OwnMark mark{.kind = *rc::gen::element(RuleKind::open, RuleKind::shut),
                       .until = TimePoint(std::chrono::seconds(seconds))};
    const auto read = read_mark(name_of(to_string(mark.kind)), describe(mark), instance);
    RC_ASSERT(std::get<OwnMark>(read).until == mark.until);
  });
}

TEST_CASE("An inert rule is ours as before and concerns nobody") {
  model::SecurityRule rule{.name = name_of("open"),
                           .description = "portcullis/v1 open until=2026-11-22T18:45:00Z",
                           .priority = 130,
                           .access = model::Access::allow};
  rule.source.any = true;
  rule.destination.prefixes = {model::parse_prefix("10.0.0.4").value()};
  rule.destination_ports = {{.first = 22, .last = 22}};
  CHECK_FALSE(is_inert(rule));
  const auto inert = make_inert(rule);
  CHECK(is_inert(inert));
  CHECK(inert.access == model::Access::deny);
  CHECK(inert.priority == 130);
  CHECK(std::holds_alternative<OwnMark>(read_mark(inert, instance)));

  rule.destination.prefixes = {model::parse_prefix("fd00::4").value()};
  CHECK(make_inert(rule).source.prefixes.front().family == model::Family::ipv6);
  CHECK(is_inert(make_inert(rule)));
}

}  // namespace
}  // namespace portcullis::plan
