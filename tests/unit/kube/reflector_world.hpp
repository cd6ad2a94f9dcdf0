#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "base/log.hpp"
#include "kube/reflector.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"
#include "watch_text.hpp"

namespace portcullis::kube {

/// What a store keeps of an object.
struct Kept {
  struct {
    std::string ns;
    std::string name;
  } meta;
  std::string value;
};

inline Kept keep(simdjson::dom::element object, std::string_view value) {
  const ObjectHead head = head_of(object);
  return {.meta = {.ns = std::string(head.ns), .name = std::string(head.name)},
          .value = std::string(value)};
}

/// A store of the texts under "value"; a value of "poison" cannot be decoded.
inline Store<Kept> make_store() {
  return Store<Kept>(
      [](simdjson::dom::element object) {
        const ObjectHead head = head_of(object);
        return to_key({.ns = std::string(head.ns), .name = std::string(head.name)});
      },
      [](simdjson::dom::element object) -> Result<Kept> {
        std::string_view value;
        if (object["value"].get(value) != simdjson::SUCCESS || value == "poison") {
          return fail(Error::Kind::malformed, "poison");
        }
        return keep(object, value);
      },
      [](const std::string&, const Error&) {});
}

using Contents = std::map<std::string, std::string>;

inline Contents contents(const Store<Kept>& store) {
  Contents all;
  for (const auto& one : store.all()) all[one->meta.ns + "/" + one->meta.name] = one->value;
  return all;
}

/// A reflector of widgets against a scripted server. The io_context goes first.
struct ReflectorWorld {
  test::FakeClock clock;
  test::FakeTransport transport{clock};
  Client client{transport, clock};
  Store<Kept> store = make_store();
  Reflector reflector;
  bool ended = false;
  asio::io_context io;

  explicit ReflectorWorld(std::uint64_t seed = 7) : reflector(client, widgets, store, seed) {
    log::configure(log::Level::error, log::Format::text);  // faults by the hundred are the point
  }

  void start() {
    asio::co_spawn(io, reflector.run(), [this](std::exception_ptr problem) {
      if (problem) std::rethrow_exception(problem);
      ended = true;
    });
    test::settle(io);
  }

  void settle() { test::settle(io); }
  void pass(Duration time) { clock.run_for(io, time); }
  std::size_t requests() const { return transport.sent.size(); }
  const std::string& target(std::size_t index) const {
    return transport.sent.at(index).request.target;
  }
  const std::string& last_target() const { return transport.last().target; }
};

inline const std::string a1 = object_text("a", "one", "11");
inline const std::string a2 = object_text("a", "two", "21");
inline const std::string b1 = object_text("b", "bee", "12");

/// Synced by a streaming list with object a at version 20; the stream stays open.
inline test::ScriptedStreamPtr synced(ReflectorWorld& world) {
  auto stream = world.transport.add_stream();
  stream->piece(event_text("ADDED", a1)).piece(bookmark_text("20", true));
  world.start();
  REQUIRE(world.store.synced());
  return stream;
}

/// Without streaming lists: a list at version 20 with object a, then a watch that stays open.
inline test::ScriptedStreamPtr synced_by_pages(ReflectorWorld& world) {
  auto refusal = world.transport.add_stream(422);
  refusal->piece(status_text(422, "Invalid", "sendInitialEvents is forbidden for watch")).end();
  world.transport.answer(200, list_text({a1}, "20"));
  auto stream = world.transport.add_stream();
  world.start();
  REQUIRE(world.store.synced());
  return stream;
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline bool is_stream_list(const std::string& target) { return has(target, "sendInitialEvents"); }
inline bool is_watch_from(const std::string& target, const std::string& version) {
  return has(target, "watch=1") && has(target, "&resourceVersion=" + version + "&");
}
inline bool is_page_list(const std::string& target) { return !has(target, "watch="); }

}  // namespace portcullis::kube
