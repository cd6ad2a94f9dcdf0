#include "kube/store.hpp"

#include <catch2/catch.hpp>

#include "reflector_world.hpp"

namespace portcullis::kube {
namespace {

struct World {
  Store<Kept> store = make_store();
  std::vector<std::string> told;
  simdjson::dom::parser parser;

  World() {
    store.listen([this](const std::string& key, const auto& before, const auto& after) {
      told.push_back(key + ":" + (before ? before->value : "-") + ">" +
                     (after ? after->value : "-"));
    });
  }
  void put(const std::string& name, const std::string& value) {
    store.put(parser.parse(object_text(name, value, "1")));
  }
  void erase(const std::string& name) { store.erase(parser.parse(object_text(name, "", "1"))); }
};

using Told = std::vector<std::string>;

TEST_CASE("A store tells what was there before and what is there now") {
  World world;
  world.put("a", "one");
  world.put("a", "two");
  world.erase("a");
  world.erase("a");
  CHECK(world.told == Told{"ns/a:->one", "ns/a:one>two", "ns/a:two>-"});
  CHECK_FALSE(world.store.synced());
}

TEST_CASE("A replacement shows when it is whole, deletions included, and not when it is given up") {
  World world;
  world.put("a", "one");
  world.put("b", "bee");
  world.told.clear();
  world.store.begin_replace();
  world.put("a", "two");
  world.put("c", "sea");
  world.put("d", "dee");
  world.erase("d");
  CHECK(contents(world.store) == Contents{{"ns/a", "one"}, {"ns/b", "bee"}});
  CHECK(world.told.empty());
  SECTION("whole") {
    world.store.end_replace();
    CHECK(world.store.synced());
    CHECK(contents(world.store) == Contents{{"ns/a", "two"}, {"ns/c", "sea"}});
    CHECK(world.told == Told{"ns/a:one>two", "ns/c:->sea", "ns/b:bee>-"});
  }
  SECTION("given up") {
    world.store.abort_replace();
    CHECK(contents(world.store) == Contents{{"ns/a", "one"}, {"ns/b", "bee"}});
    CHECK_FALSE(world.store.synced());
    world.put("a", "three");
    CHECK(world.told == Told{"ns/a:one>three"});
  }
}

TEST_CASE("Listeners see the whole replacement, not half of it") {
  World world;
  world.put("a", "one");
  std::size_t smallest = 99;
  world.store.listen([&](const std::string&, const auto&, const auto&) {
    smallest = std::min(smallest, world.store.all().size());
  });
  world.store.begin_replace();
  world.put("b", "bee");
  world.put("c", "sea");
  world.store.end_replace();
  CHECK(smallest == 2);
}

TEST_CASE("An object that cannot be decoded drops its older copy, within a replacement too") {
  World world;
  world.put("a", "one");
  world.put("a", "poison");
  CHECK(world.store.find("ns/a") == nullptr);
  CHECK(world.store.poisoned() == std::set<std::string>{"ns/a"});
  world.store.begin_replace();
  world.put("a", "well");
  world.put("b", "bee");
  world.put("b", "poison");
  world.put("c", "poison");
  world.put("c", "well");
  world.put("d", "poison");
  world.erase("d");
  CHECK(world.store.poisoned() == std::set<std::string>{"ns/a"});
  world.store.end_replace();
  CHECK(world.store.poisoned() == std::set<std::string>{"ns/b"});
  CHECK(world.store.why_poisoned("ns/a") == nullptr);
  REQUIRE(world.store.why_poisoned("ns/b") != nullptr);
  CHECK_FALSE(world.store.why_poisoned("ns/b")->message.empty());
  CHECK(contents(world.store) == Contents{{"ns/a", "well"}, {"ns/c", "well"}});
  world.erase("b");
  CHECK(world.store.poisoned().empty());
}

TEST_CASE("Whoever waits for objects to be understood hears when that changes") {
  World world;
  std::vector<std::size_t> heard;
  world.store.when_poisoned_changes([&] { heard.push_back(world.store.poisoned().size()); });
  world.put("a", "one");
  CHECK(heard.empty());
  world.put("a", "poison");
  world.put("a", "poison");
  CHECK(heard == std::vector<std::size_t>{1});
  world.put("b", "poison");
  world.put("a", "well");
  world.erase("b");
  CHECK(heard == std::vector<std::size_t>{1, 2, 1, 0});
  heard.clear();
  world.store.begin_replace();
  world.put("c", "poison");
  world.put("d", "poison");
  world.erase("d");
  CHECK(heard.empty());
  world.store.end_replace();
  CHECK(heard == std::vector<std::size_t>{1});
}

TEST_CASE("What was found stays as it was, whatever comes later") {
  World world;
  world.put("a", "one");
  const auto found = world.store.find("ns/a");
  world.put("a", "two");
  CHECK(found->value == "one");
  CHECK(world.store.find("ns/a")->value == "two");
}

}  // namespace
}  // namespace portcullis::kube
