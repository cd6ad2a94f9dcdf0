#include "kube/watch_decoder.hpp"

#include <rapidcheck.h>
#include <catch2/catch.hpp>

#include <vector>

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;
using Type = WatchEvent::Type;

std::string event(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":{"apiVersion":"v1","kind":"ConfigMap","metadata":)" +
         R"({"namespace":"ns","name":")" + name + R"(","resourceVersion":")" + version + "\"}}}\n";
}

struct Seen {
  Type type;
  std::string name;
  std::string version;
  bool operator==(const Seen&) const = default;
};

/// All events of a body that comes in these pieces, or the error that ends it.
Result<std::vector<Seen>> decode(const std::vector<std::string>& pieces,
                                 std::size_t line_limit = 16u << 20) {
  WatchDecoder decoder(line_limit);
  std::vector<Seen> seen;
  for (const std::string& piece : pieces) {
    decoder.feed(piece);
    for (;;) {
      const auto next = decoder.next();
      if (!next) return fail(next.error());
      if (!*next) break;
      const ObjectHead head = head_of((*next)->object);
      seen.push_back({(*next)->type, std::string(head.name), std::string(head.resource_version)});
    }
  }
  if (decoder.in_line()) return fail(Kind::unavailable, "ended within a line");
  return seen;
}

const std::string body = event("ADDED", "a", "1") + event("MODIFIED", "ü\\u00fc\\n", "2") +
                         "\r\n\n" + event("DELETED", std::string(70'000, 'x'), "3") +
                         event("BOOKMARK", "", "4") + event("NEWTYPE", "z", "5");
const std::vector<Seen> expected{{Type::added, "a", "1"},
                                 {Type::modified, "üü\n", "2"},
                                 {Type::deleted, std::string(70'000, 'x'), "3"},
                                 {Type::bookmark, "", "4"},
                                 {Type::unknown, "z", "5"}};

TEST_CASE("A body gives its events, whole or byte by byte") {
  CHECK(decode({body}) == expected);
  std::vector<std::string> bytes;
  for (const char c : body.substr(0, 400)) bytes.emplace_back(1, c);
  const auto some = decode(bytes);
  CHECK_FALSE(some);  // the cut stands within a line
  CHECK(some.error().kind == Kind::unavailable);
}

TEST_CASE("Any split of the bytes gives the same events") {
  CHECK(rc::check([] {
    std::vector<std::string> pieces;
    std::size_t at = 0;
    while (at < body.size()) {
      const auto size = static_cast<std::size_t>(*rc::gen::weightedOneOf<int>(
          {{3, rc::gen::inRange(1, 9)}, {1, rc::gen::inRange(1, 50'000)}}));
      pieces.push_back(body.substr(at, size));
      at += pieces.back().size();
      if (pieces.size() > 400) {
        pieces.push_back(body.substr(at));
        at = body.size();
      }
    }
    RC_ASSERT(decode(pieces) == expected);
  }));
}

TEST_CASE("What is no event ends the stream as malformed") {
  const auto line = GENERATE(
      as<std::string>{}, "x", "{", "{}", "[]", "null", "\"ADDED\"", R"({"type":"ADDED"})",
      R"({"type":"ADDED","object":null})", R"({"type":"ADDED","object":[]})",
      R"({"type":1,"object":{}})", R"({"type":"ADDED","object":{}}{"type":"ADDED","object":{}})",
      "\xef\xbb\xbf{\"type\":\"ADDED\",\"object\":{}}", R"({"type":"ADDED","object":{"a":NaN}})",
      R"({"type":"ADDED","object":{"a":1e400}})", R"({"type":"ADDED","object":{"a":"\ud800"}})",
      "{\"type\":\"ADDED\",\"object\":{\"a\":\"\xff\"}}",
      "{\"type\":\"ADDED\",\"object\":{\"a\":\"\t\"}}",
      R"({"type":"ADDED","object":{"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}}",
      R"({"type":"ADDED","object":{"a":)" + std::string(100'000, '[') + "}}");
  const auto seen = decode({event("ADDED", "a", "1") + line + "\n"});
  REQUIRE_FALSE(seen);
  CHECK(seen.error().kind == Kind::malformed);
}

TEST_CASE("Objects may be as deep and as odd as those of real servers") {
  const auto object = GENERATE(
      as<std::string>{}, R"({"metadata":{"name":"a","resourceVersion":"18446744073709551616"}})",
      R"({"metadata":{"name":"a","name":"b"}})", R"({"metadata":null})", R"({"metadata":[1]})",
      R"({"metadata":{"name":7,"resourceVersion":{}}})", R"({"metadata":{"annotations":[]}})",
      R"({"a":)" + std::string(65, '[') + std::string(65, ']') + "}");
  const auto seen = decode({R"({"type":"ADDED","object":)" + object + "}\n"});
  REQUIRE(seen);
  CHECK(seen->size() == 1);
}

TEST_CASE("A line of 10 MB is taken, one past the limit is not, finished or not") {
  const auto seen = decode({event("ADDED", std::string(10u << 20, 'x'), "1")});
  REQUIRE(seen);
  CHECK(seen->at(0).name.size() == 10u << 20);
  CHECK(decode({event("ADDED", std::string(1000, 'x'), "1")}, 500).error().kind == Kind::malformed);
  CHECK(decode({std::string(501, ' ')}, 500).error().kind == Kind::malformed);
}

TEST_CASE("The end of a streaming list is told by its annotation alone") {
  simdjson::dom::parser parser;
  const auto head = [&](const char* annotations) {
    const std::string text = std::string(R"({"metadata":{"annotations":)") + annotations + "}}";
    simdjson::dom::element root = parser.parse(text);
    return head_of(root);
  };
  CHECK(head(R"({"k8s.io/initial-events-end":"true"})").initial_events_end);
  CHECK_FALSE(head(R"({"k8s.io/initial-events-end":"false"})").initial_events_end);
  CHECK_FALSE(head(R"({"k8s.io/initial-events-end":true})").initial_events_end);
  CHECK_FALSE(head(R"({})").initial_events_end);
}

}  // namespace
}  // namespace portcullis::kube
