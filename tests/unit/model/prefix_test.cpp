#include "model/prefix.hpp"

#include <rapidcheck/catch.h>
#include <catch2/catch.hpp>
#include <iostream>
#include <string>

namespace portcullis::model {
namespace {

std::string canonical(std::string_view text) {
  const auto prefix = parse_prefix(text);
  return prefix ? to_string(*prefix) : "refused";
}

Prefix prefix(std::string_view text) { return parse_prefix(text).value(); }

Prefix any_prefix() {
  Prefix made;
  made.family = *rc::gen::element(Family::ipv4, Family::ipv6);
  const int width = made.family == Family::ipv4 ? 32 : 128;
  made.length = static_cast<std::uint8_t>(*rc::gen::inRange(0, width + 1));
  for (int i = 0; i < made.length; ++i) {
    if (*rc::gen::arbitrary<bool>()) {
      made.bytes[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(0x80 >> (i % 8));
    }
  }
  return made;
}

TEST_CASE("A prefix has one text, whatever form it was read in") {
  CHECK(canonical("203.0.113.7") == "203.0.113.7/32");
  CHECK(canonical("203.0.113.0/24") == "203.0.113.0/24");
  CHECK(canonical("0.0.0.0/0") == "0.0.0.0/0");
  CHECK(canonical("2001:DB8:0:0::/32") == "2001:db8::/32");
  CHECK(canonical("2001:db8:0:0:1:0:0:1") == "2001:db8::1:0:0:1/128");
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1/128");
  CHECK(canonical("::") == "::/128");
  CHECK(canonical("::/0") == "::/0");
  CHECK(canonical("::1") == "::1/128");
  CHECK(canonical("1::") == "1::/128");
  CHECK(canonical("64:ff9b::203.0.113.7") == "64:ff9b::cb00:7107/128");
}

TEST_CASE("What people and parsers elsewhere take for an address is refused") {
  const auto* text = GENERATE(
      "", " ", "/", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
      "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8\n", "10.0.0.0 /8", "010.0.0.1", "10.0.0.01",
      "0x7f.0.0.1", "127.1", "2130706433", "203.0.113.007", "256.0.0.1", "1.2.3.4.5", "1.2.3.",
      "10.1.2.3/8", "10.0.0.0/255.0.0.0", "10.0.0.0/8/8", "::1%eth0", "fe80::1%1/64", "::/129",
      "2001:db8::1/64", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
      "12345::", "g::", "::ffff:203.0.113.7", "::ffff:0:0/96", "::FFFF:cb00:7107",
      "::ffff:203.0.113.7/128", "::1.2.3.04", "*", "Any", "Internet", "203.0.113.7,203.0.113.8");
  CAPTURE(text);
  CHECK_FALSE(parse_prefix(text));
}

TEST_CASE("An embedded NUL does not cut an address short") {
  using namespace std::string_view_literals;
  CHECK_FALSE(parse_prefix("10.0.0.1\0"sv));
  CHECK_FALSE(parse_prefix("10.0.0.1\0/8"sv));
  CHECK_FALSE(parse_prefix("10.0.0.0/8\0"sv));
}

TEST_CASE("Containment is of addresses and never crosses families") {
  CHECK(contains(prefix("10.0.0.0/8"), prefix("10.1.2.3")));
  CHECK(contains(prefix("10.0.0.0/8"), prefix("10.0.0.0/8")));
  CHECK_FALSE(contains(prefix("10.1.0.0/16"), prefix("10.0.0.0/8")));
  CHECK_FALSE(contains(prefix("0.0.0.0/0"), prefix("::1")));
  CHECK(overlap(prefix("10.1.0.0/16"), prefix("10.0.0.0/8")));
  CHECK_FALSE(overlap(prefix("10.0.0.0/9"), prefix("10.128.0.0/9")));
}

TEST_CASE("Printing and reading a prefix gives the same prefix") {
  rc::prop("for all prefixes outside ::ffff:0:0/96", [] {
    const Prefix made = any_prefix();
    const Prefix mapped{
        .family = Family::ipv6, .length = 96, .bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
    RC_PRE(!contains(mapped, made));
    const auto read = parse_prefix(to_string(made));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == made);
  });
}

}  // namespace
}  // namespace portcullis::model
