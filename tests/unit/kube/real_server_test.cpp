// Against a real API server, the one that $KUBECONFIG names. Run by hand or by whoever has one:
//   KUBECONFIG=… portcullis_kube_tests "[.real]"

#include <catch2/catch.hpp>

#include <map>

#include "base/system_clock.hpp"
#include "kube/config.hpp"
#include "kube/events.hpp"
#include "kube/lease.hpp"
#include "kube/reflector.hpp"
#include "net/beast_transport.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Kind = Error::Kind;

const Resource namespaces{
    .group = "", .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};
const Resource config_maps{
    .group = "", .version = "v1", .plural = "configmaps", .kind = "ConfigMap"};
const Resource all_events{
    .group = "events.k8s.io", .version = "v1", .plural = "events", .kind = "Event"};

struct RealServer {
  SystemClock clock;
  asio::io_context io;
  Config config;
  std::unique_ptr<TokenSource> tokens;
  std::unique_ptr<net::Transport> transport;
  std::unique_ptr<Client> client;

  RealServer() {
    auto loaded = load_config({});
    if (!loaded) FAIL(loaded.error().message);
    config = std::move(*loaded);
    tokens = make_token_source(config, clock);
    auto made = net::make_beast_transport(io, clock, config.origin, config.tls);
    if (!made) FAIL(made.error().message);
    transport = std::move(*made);
    client =
        std::make_unique<Client>(*transport, clock, tokens.get(), net::to_string(config.origin));
  }

  ~RealServer() {
    transport->close();
    io.restart();
    io.run();
  }

  /// Runs until the task is done.
  template <typename T>
  T run(Task<T> work) {
    std::optional<T> value;
    asio::co_spawn(io, std::move(work), [&value](std::exception_ptr problem, T result) {
      if (problem) std::rethrow_exception(problem);
      value = std::move(result);
    });
    run_until([&value] { return value.has_value(); });
    return std::move(*value);
  }

  /// Runs until the condition holds; a minute at most.
  template <typename Condition>
  void run_until(Condition holds) {
    const auto end = clock.boot_now() + 1min;
    io.restart();
    while (!holds() && clock.boot_now() < end) io.run_one_for(100ms);
    REQUIRE(holds());
  }

  void spawn(Task<void> work) {
    asio::co_spawn(io, std::move(work), [](std::exception_ptr problem) {
      if (problem) std::rethrow_exception(problem);
    });
  }
};

struct Text {
  struct {
    std::string ns;
    std::string name;
  } meta;
  std::string value;
};

Store<Text> make_store() {
  return Store<Text>(
      [](simdjson::dom::element object) {
        const ObjectHead head = head_of(object);
        return to_key({.ns = std::string(head.ns), .name = std::string(head.name)});
      },
      [](simdjson::dom::element object) -> Result<Text> {
        std::string_view value;
        if (object["data"]["key"].get(value) != simdjson::SUCCESS) value = {};
        const ObjectHead head = head_of(object);
        return Text{.meta = {.ns = std::string(head.ns), .name = std::string(head.name)},
                    .value = std::string(value)};
      },
      [](const std::string&, const Error&) {});
}

TEST_CASE("The client's verbs mean on a real server what their contracts say", "[.real]") {
  RealServer server;
  Client& client = *server.client;
  const auto me = server.run(client.who_am_i());
  REQUIRE(me);
  WARN("I am " << me->username);
  REQUIRE(server.run(client.get(namespaces, {.name = "default"})));
  CHECK(server.run(client.get(namespaces, {.name = "no-such"})).error().kind == Kind::not_found);

  const ObjectName name{.ns = "default", .name = "kube-client-test"};
  static_cast<void>(server.run(client.remove(config_maps, name)));
  const json body{{"metadata", {{"name", name.name}}}, {"data", {{"key", "one"}}}};
  CHECK(server.run(client.create(config_maps, "default", body, {.dry_run = true})));
  CHECK(server.run(client.get(config_maps, name)).error().kind == Kind::not_found);
  const auto made = server.run(client.create(config_maps, "default", body));
  REQUIRE(made);
  const auto again = server.run(client.create(config_maps, "default", body)).error();
  CHECK(again.kind == Kind::already_exists);
  CHECK(again.code == "AlreadyExists");

  const auto version = (*made)["metadata"]["resourceVersion"].get<std::string>();
  const json patch{{"metadata", {{"resourceVersion", version}}}, {"data", {{"key", "two"}}}};
  CHECK(server.run(client.merge_patch(config_maps, name, patch)));
  const auto stale = server.run(client.merge_patch(config_maps, name, patch)).error();
  CHECK(stale.kind == Kind::conflict);
  WARN("stale patch: " << stale.message);

  const json failing{{{"op", "test"}, {"path", "/data/key"}, {"value", "nope"}},
                     {{"op", "replace"}, {"path", "/data/key"}, {"value", "x"}}};
  const auto untrue = server.run(client.json_patch(config_maps, name, failing)).error();
  CHECK(untrue.kind == Kind::conflict);
  WARN("failed test: " << untrue.status << " " << untrue.message);

  const auto applied =
      server.run(client.apply(config_maps, name, json{{"data", {{"other", "three"}}}}));
  REQUIRE(applied);
  CHECK((*applied)["data"] == json{{"key", "two"}, {"other", "three"}});
  const auto strict = server.run(client.merge_patch(config_maps, name, json{{"dta", 1}})).error();
  CHECK(strict.kind == Kind::invalid);
  WARN("unknown field: " << strict.status << " " << strict.message);

  CHECK(server.run(client.remove(config_maps, name, {.uid = "other"})).error().kind ==
        Kind::conflict);
  CHECK(server.run(client.remove(config_maps, name)));
  CHECK(server.run(client.remove(config_maps, name)).error().kind == Kind::not_found);

  const AccessAttributes asks{.group = "", .resource = "secrets", .ns = "default", .verb = "get"};
  CHECK(server.run(client.may({.username = "nobody-in-particular"}, asks)) == false);
  CHECK(server.run(client.may({.username = "root", .groups = {"system:masters"}}, asks)) == true);

  const Resource unknown{.group = "no.such", .version = "v1", .plural = "things", .kind = "Thing"};
  const auto missing = server.run(client.get(unknown, name)).error();
  CHECK(missing.kind == Kind::not_found);
  WARN("unknown kind: " << missing.message);
  CHECK(std::chrono::abs(server.clock.skew()) < 5s);
}

TEST_CASE("A reflector follows a real server", "[.real]") {
  RealServer server;
  const ObjectName name{.ns = "default", .name = "kube-reflector-test"};
  static_cast<void>(server.run(server.client->remove(config_maps, name)));
  auto store = make_store();
  Reflector reflector(*server.client, config_maps, store, 1);
  bool ended = false;
  asio::co_spawn(server.io, reflector.run(), [&ended](std::exception_ptr) { ended = true; });
  server.run_until([&] { return store.synced(); });
  WARN("synced at version " << reflector.version() << " with " << store.all().size()
                            << " ConfigMaps, lists " << reflector.stats().lists);
  const auto key = to_key(name);
  const json body{{"metadata", {{"name", name.name}}}, {"data", {{"key", "one"}}}};
  const auto before = server.clock.boot_now();
  REQUIRE(server.run(server.client->create(config_maps, "default", body)));
  server.run_until([&] { return store.find(key) != nullptr; });
  WARN("seen after " << (server.clock.boot_now() - before).count() << " ms");
  REQUIRE(
      server.run(server.client->merge_patch(config_maps, name, json{{"data", {{"key", "two"}}}})));
  server.run_until([&] { return store.find(key)->value == "two"; });
  REQUIRE(server.run(server.client->remove(config_maps, name)));
  server.run_until([&] { return store.find(key) == nullptr; });
  CHECK(reflector.stats().failures == 0);
  CHECK(reflector.stats().lists == 1);
  reflector.stop();
  server.run_until([&] { return ended; });
}

TEST_CASE("Two electors and a sender of events on a real server", "[.real]") {
  RealServer server;
  const auto options = [](const char* identity) {
    LeaseOptions lease{.ns = "default", .name = "kube-lease-test", .identity = identity};
    return lease;
  };
  Elector one(*server.client, options("one"), 1);
  Elector two(*server.client, options("two"), 2);
  REQUIRE(server.run(one.acquire()));
  CHECK(one.holds_for(10s));
  std::optional<Result<Done>> held;
  asio::co_spawn(server.io, one.hold(),
                 [&held](std::exception_ptr, Result<Done> result) { held = std::move(result); });
  std::optional<Result<Done>> second;
  asio::co_spawn(server.io, two.acquire(), [&second](std::exception_ptr, Result<Done> result) {
    second = std::move(result);
  });
  server.run_until([&] { return two.holder() == "one"; });
  CHECK_FALSE(second);
  const auto before = server.clock.boot_now();
  one.stop();
  server.run_until([&] { return second.has_value(); });
  CHECK(second->has_value());
  CHECK(held->has_value());
  WARN("handed over in " << (server.clock.boot_now() - before).count() << " ms");

  EventSender sender(*server.client, "test-0");
  bool ended = false;
  asio::co_spawn(server.io, sender.run(), [&ended](std::exception_ptr) { ended = true; });
  const auto ns = server.run(server.client->get(namespaces, {.name = "default"}));
  sender.send({.resource = namespaces,
               .name = {.name = "default"},
               .uid = (*ns)["metadata"]["uid"],
               .reason = "Tested",
               .action = "Test",
               .note = std::string(2000, 'x')});
  sender.stop();
  server.run_until([&] { return ended; });
  CHECK(sender.dropped() == 0);
}

}  // namespace
}  // namespace portcullis::kube
