#include <catch2/catch.hpp>

#include "model_server.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;

/// One history: changes and faults for a while, then a quiet server. Longer than a watch may hang.
void run_history(std::uint32_t seed, bool streaming_lists, std::map<std::string, int>& met) {
  INFO("seed " << seed << (streaming_lists ? ", streaming lists" : ", pages"));
  ReflectorWorld world(seed);
  std::mt19937 random(seed);
  ModelServer server(seed, streaming_lists);
  server.attach(world.transport);
  server.faults = 0.05 * (1 + seed % 4);
  // The keys that listeners were told of must add up to what the store holds.
  Contents told;
  world.store.listen([&told](const std::string& key, const auto&, const auto& after) {
    if (after) {
      told[key] = after->value;
    } else {
      told.erase(key);
    }
  });
  for (int i = 0; i < 5; ++i) server.mutate();
  world.start();
  for (int step = 0; step < 150; ++step) {
    if (random() % 2 == 0) server.mutate();
    server.disturb();
    if (random() % 8 == 0) server.bookmark();
    world.settle();
    world.pass(std::chrono::milliseconds(random() % 4000));
    REQUIRE(contents(world.store) == told);
  }
  server.faults = 0;
  world.pass(12min);
  REQUIRE(world.store.synced());
  REQUIRE(contents(world.store) == server.contents());
  for (int i = 0; i < 5; ++i) server.mutate();
  world.pass(2 * Backoff::longest());  // it may be in a pause between two watches
  REQUIRE(contents(world.store) == server.contents());
  REQUIRE(contents(world.store) == told);
  REQUIRE(world.requests() < 2000);
  for (const auto& [what, count] : server.met) met[what] += count;
  world.reflector.stop();
  world.settle();
  REQUIRE(world.ended);
}

TEST_CASE("Whatever the network and the server do, the store is the server's in the end") {
  std::map<std::string, int> met;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) run_history(seed, seed % 3 != 0, met);
  for (const auto& [what, count] : met) {
    INFO(what << ": " << count);
    CHECK(count >= 20);  // a fault that never happens proves nothing
  }
  CHECK(met.size() >= 18);
}

}  // namespace
}  // namespace portcullis::kube
