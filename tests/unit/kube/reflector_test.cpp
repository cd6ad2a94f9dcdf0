#include <catch2/catch.hpp>

#include <set>

#include "reflector_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;
using World = ReflectorWorld;

TEST_CASE("A watch that ends in good order is resumed at once from the last version") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->piece(event_text("MODIFIED", a2)).end();
  world.transport.add_stream();
  world.settle();
  CHECK(world.requests() == 2);
  CHECK(is_watch_from(world.last_target(), "21"));
}

TEST_CASE("Bookmarks move the version on") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->piece(bookmark_text("77")).end();
  world.transport.add_stream();
  world.settle();
  CHECK(is_watch_from(world.last_target(), "77"));
}

TEST_CASE("A watch that ends at once with nothing leads to a list, after a pause") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->end();
  world.transport.add_stream()->end();
  world.settle();
  CHECK(is_watch_from(world.last_target(), "20"));
  CHECK(world.requests() == 2);
  world.pass(799ms);
  CHECK(world.requests() == 2);
  world.transport.add_stream();
  world.pass(801ms);
  CHECK(world.requests() == 3);
  CHECK(is_stream_list(world.last_target()));
}

TEST_CASE("410 leads to a list, as an answer and as an event; a Status has no version to keep") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  if (GENERATE(true, false)) {
    stream->piece(error_event_text(410, GENERATE("Expired", "Gone")));
  } else {
    stream->end();
    world.transport.add_stream(410)->piece(status_text(410, "Expired", "too old")).end();
  }
  world.transport.add_stream()->piece(event_text("ADDED", b1) + bookmark_text("50", true));
  world.settle();
  CHECK(world.reflector.version() == "20");
  world.pass(2s);
  CHECK(is_stream_list(world.last_target()));
  CHECK(contents(world.store) == Contents{{"ns/b", "bee"}});
}

TEST_CASE("A server that does not know our version yet is asked for a list") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->end();
  world.transport.add_stream(504)
      ->piece(status_text(504, "Timeout", "Too large resource version: 20, current: 3"))
      .end();
  world.settle();
  auto list = world.transport.add_stream();
  world.pass(2s);
  CHECK(is_stream_list(world.last_target()));
}

TEST_CASE("ERROR 429 keeps the version, ERROR 500 leads to a list") {
  const auto code = GENERATE(429, 500);
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->piece(error_event_text(code, code == 429 ? "TooManyRequests" : "InternalError"));
  world.transport.add_stream();
  world.settle();
  CHECK(world.requests() == 1);
  world.pass(1600ms);
  CHECK(world.requests() == 2);
  CHECK((code == 429 ? is_watch_from(world.last_target(), "20")
                     : is_stream_list(world.last_target())));
}

TEST_CASE("Watches ask for 300 to 600 seconds and differ") {
  std::set<int> seen;
  for (std::uint64_t seed = 1; seed < 40; ++seed) {
    World world(seed * 0x9e3779b97f4a7c15);
    world.transport.add_stream();
    world.start();
    const auto at = world.target(0).find("timeoutSeconds=");
    REQUIRE(at != std::string::npos);
    const int seconds = std::stoi(world.target(0).substr(at + 15));
    CHECK(seconds >= 300);
    CHECK(seconds <= 600);
    seen.insert(seconds);
  }
  CHECK(seen.size() > 20);
}

TEST_CASE("A silent watch is left after 150 s once it had bookmarks") {
  World world;
  auto stream = synced(world);
  world.pass(100s);
  stream->piece(bookmark_text("30"));
  world.pass(149s);
  CHECK(world.requests() == 1);
  world.transport.add_stream();
  world.pass(1s);
  CHECK(world.requests() == 2);
  CHECK(stream->closed);
  CHECK(is_watch_from(world.last_target(), "30"));
}

TEST_CASE("A watch that is silent from its opening on is left after 150 s as well") {
  World world;
  auto stream = synced(world);
  world.pass(100s);
  auto silent = world.transport.add_stream();
  stream->piece(bookmark_text("30")).end();
  world.settle();
  REQUIRE(world.requests() == 2);
  world.pass(149s);
  CHECK(world.requests() == 2);
  world.transport.add_stream();
  world.pass(1s);
  CHECK(silent->closed);
  CHECK(is_watch_from(world.last_target(), "30"));
}

TEST_CASE("A watch without bookmarks is left 30 s after its timeout") {
  World world;
  synced_by_pages(world);
  const auto& target = world.target(2);
  const int seconds = std::stoi(target.substr(target.find("timeoutSeconds=") + 15));
  world.pass(std::chrono::seconds(seconds + 30) - 1ms);
  CHECK(world.requests() == 3);
  world.transport.add_stream();
  world.pass(1ms);
  CHECK(world.requests() == 4);
  CHECK(is_watch_from(world.last_target(), "20"));
}

TEST_CASE("A watch that talks for ever is left, too") {
  World world;
  auto stream = synced(world);
  for (int minute = 0; minute < 12 && world.requests() == 1; ++minute) {
    stream->piece(bookmark_text(std::to_string(100 + minute)));
    world.pass(60s);
  }
  CHECK(world.requests() >= 2);
  CHECK(stream->closed);
}

TEST_CASE("Foreign kinds, Tables, nameless objects and unknown types are skipped") {
  World world;
  auto stream = synced(world);
  stream->piece(event_text("ADDED", object_text("x", "x", "31", "Gadget")) +
                event_text("ADDED", R"({"kind":"Table","apiVersion":"meta.k8s.io/v1"})") +
                event_text("ADDED", object_text("", "x", "32")) + event_text("NOVEL", b1) +
                event_text("DELETED", object_text("a", "one", "33", "Gadget")));
  world.settle();
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}});
  CHECK(world.reflector.stats().skipped == 5);
  CHECK(world.reflector.version() == "20");
  stream->piece(event_text("ADDED", b1));
  world.settle();
  CHECK(world.store.all().size() == 2);
}

TEST_CASE("A version of nothing is not kept; odd ones are opaque") {
  World world;
  auto stream = synced(world);
  const auto [given, kept] = GENERATE(table<std::string, std::string>(
      {{"", "20"}, {"0", "20"}, {"18446744073709551616", "18446744073709551616"}, {"x-7", "x-7"}}));
  stream->piece(event_text("MODIFIED", object_text("a", "two", given)));
  world.settle();
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
  CHECK(world.reflector.version() == kept);
}

TEST_CASE("A line that is no event ends the stream and leads to a list") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  stream->piece("{\"type\":\"ADDED\",\"obj\n" + event_text("ADDED", b1));
  world.settle();
  CHECK(stream->closed);
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}});
  world.transport.add_stream()->piece(event_text("ADDED", a2) + bookmark_text("50", true));
  world.pass(2s);
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}});
}

TEST_CASE("A watch that is cut within a line is resumed after the last whole event") {
  World world;
  auto stream = synced(world);
  world.pass(3s);
  const std::string whole = event_text("ADDED", b1);
  stream->piece(event_text("MODIFIED", a2) + whole.substr(0, 40));
  if (GENERATE(true, false)) {
    stream->end();
  } else {
    stream->fail({.kind = Kind::unavailable, .message = "connection reset"});
  }
  world.transport.add_stream()->piece(whole);
  world.settle();
  CHECK(is_watch_from(world.last_target(), "21"));
  CHECK(world.reflector.stats().failures == 1);
  CHECK(contents(world.store) == Contents{{"ns/a", "two"}, {"ns/b", "bee"}});
}

TEST_CASE("An object that cannot be understood is kept out and named; others go on") {
  World world;
  auto stream = synced(world);
  stream->piece(event_text("MODIFIED", object_text("a", "poison", "21")) + event_text("ADDED", b1));
  world.settle();
  CHECK(contents(world.store) == Contents{{"ns/b", "bee"}});
  CHECK(world.store.poisoned() == std::set<std::string>{"ns/a"});
  stream->piece(event_text("MODIFIED", object_text("a", "well", "22")));
  world.settle();
  CHECK(world.store.poisoned().empty());
  CHECK(world.store.all().size() == 2);
}

TEST_CASE("Stop ends a reflector wherever it waits, and it asks for nothing more") {
  World world;
  const auto place = GENERATE(as<std::string>{}, "opening", "first events", "watching", "pause",
                              "listing", "between streams");
  INFO(place);
  if (place == "opening") {
    world.transport.latency = 20s;
    world.transport.add_stream();
    world.start();
  } else if (place == "first events") {
    world.transport.add_stream()->piece(event_text("ADDED", a1));
    world.start();
  } else if (place == "watching") {
    synced(world);
  } else if (place == "pause") {
    world.start();  // refused
  } else if (place == "listing") {
    world.transport.add_stream(422)->piece("sendInitialEvents unknown").end();
    world.transport.latency = 20s;
    world.start();
    world.pass(20s);
    REQUIRE(is_page_list(world.last_target()));
  } else {
    auto stream = synced(world);
    world.pass(3s);
    stream->end();
    world.transport.latency = 5s;
    world.settle();
  }
  const auto count = world.requests();
  REQUIRE_FALSE(world.ended);
  world.reflector.stop();
  world.settle();
  CHECK(world.ended);
  world.pass(10min);
  CHECK(world.requests() == count);
}

TEST_CASE("No server, however broken, makes the reflector spin") {
  World world;
  const auto mode = GENERATE(range(0, 9));
  int version = 100;
  world.transport.serve = [&](const net::Request&) -> Result<net::Response> {
    switch (mode) {
      case 0:
        return fail(Kind::unavailable, "connection refused");
      case 1:
        return net::Response{.status = 500, .body = "x"};
      case 2:
        return net::Response{.status = 410, .body = status_text(410, "Expired", "x")};
      default:
        return net::Response{.status = 200, .body = list_text({a1}, "20")};
    }
  };
  world.transport.serve_stream =
      [&](const net::Request& request) -> Result<test::ScriptedStreamPtr> {
    auto stream = test::make_stream();
    switch (mode) {
      case 0:
        return fail(Kind::unavailable, "connection refused");
      case 1:
        stream->status = 500;
        break;
      case 2:
        stream->piece(error_event_text(410, "Expired"));
        break;
      case 3:
        stream->piece("garbage\n");
        break;
      case 4:  // each stream one event of a newer version
        stream->piece(event_text("MODIFIED", object_text("a", "x", std::to_string(++version))));
        break;
      case 5:
        stream->piece(event_text("MODIFIED", a2));
        break;  // always the same event
      case 6:
        if (is_stream_list(request.target)) stream->piece(bookmark_text("20", true));
        break;
      case 7:
        stream->status = 422;
        stream->piece("sendInitialEvents unknown");
        break;
      default:
        if (is_stream_list(request.target)) {
          stream->piece(event_text("ADDED", a1) + bookmark_text(std::to_string(++version), true));
        }
        stream->piece(error_event_text(429, "TooManyRequests"));
        break;
    }
    stream->end();
    return stream;
  };
  world.start();
  CHECK(world.requests() < 20);
  world.pass(10min);
  INFO("mode " << mode);
  CHECK(world.requests() > 10);
  CHECK(world.requests() < 200);
}

}  // namespace
}  // namespace portcullis::kube
