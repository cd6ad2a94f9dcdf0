#include "model/interned.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "model/request.hpp"

namespace portcullis::model {
namespace {

/// Made before anything is interned, so it goes after whatever is made at the first use.
struct UntilTheEnd {
  Name name{};
  Name none{};
  ~UntilTheEnd() {
    const Name last = "made at the very end";
    if (name != "held until the process ends" || !none.get().empty() || last.empty()) std::abort();
  }
} until_the_end;

TEST_CASE("a value may be held until the process ends", "[interned]") {
  until_the_end.name = "held until the process ends";
  CHECK(until_the_end.name.get().size() == 27);  // else the process aborts after the tests
}

TEST_CASE("what is assigned to itself stays", "[interned]") {
  Name name = "a name of its own";
  const Name& same = name;
  name = same;
  CHECK(name == "a name of its own");
  name = Name(name.get());  // nothing is let go before it is held again
  CHECK(name == "a name of its own");
}

TEST_CASE("what nobody holds any more is not kept, however much it was", "[interned]") {
  const std::size_t before = Interned<std::vector<PortSelection>>::kept();
  {
    std::vector<Interned<std::vector<PortSelection>>> all;
    for (std::uint16_t i = 1; i <= 20'000; ++i) {
      all.emplace_back(std::vector<PortSelection>(2, {.range = {i, i}}));
      all.emplace_back(std::vector<PortSelection>(2, {.range = {i, i}}));
    }
    CHECK(Interned<std::vector<PortSelection>>::kept() == before + 20'000);
    CHECK(all[0] == all[1]);
    CHECK_FALSE(all[1] == all[2]);
  }
  CHECK(Interned<std::vector<PortSelection>>::kept() == before);
}

TEST_CASE("equal values are kept once, for as long as somebody has one", "[interned]") {
  const std::size_t before = Name::kept();
  {
    const Name one = "a name that nobody else has";
    Name other = std::string("a name that nobody else has");
    CHECK(Name::kept() == before + 1);
    CHECK(one == other);
    CHECK(&one.get() == &other.get());

    const Name copy = other;
    other = "another name";
    CHECK(Name::kept() == before + 2);
    CHECK(copy == one);
    CHECK_FALSE(other == one);
    const Name moved = std::move(other);
    CHECK(moved == "another name");
  }
  CHECK(Name::kept() == before);
}

TEST_CASE("nothing is kept for an empty value", "[interned]") {
  const std::size_t before = Name::kept();
  const Name none;
  const Name emptied = "";
  CHECK(none == emptied);
  CHECK(emptied.empty());
  CHECK(emptied->empty());
  CHECK(Name::kept() == before);
}

TEST_CASE("an interned value reads like the value", "[interned]") {
  const Name name = "web";
  CHECK(name == std::string_view("web"));
  CHECK(name + "-1" == "web-1");
  CHECK("team/" + name == "team/web");
  const std::string& text = name;
  CHECK(&text == &name.get());

  const Interned<std::vector<std::string>> list = {"web-1", "web-2"};
  std::string all;
  for (const std::string& one : list) all += one;
  CHECK(all == "web-1web-2");
  CHECK(list == std::vector<std::string>{"web-1", "web-2"});
}

TEST_CASE("who differs in anything is somebody else", "[interned]") {
  const Identity ann{.username = "ann", .uid = "1", .groups = {"web"}, .extra = {{"k", {"v"}}}};
  Identity other = ann;
  CHECK(Interned<Identity>(ann) == Interned<Identity>(other));
  SECTION("name") { other.username = "bob"; }
  SECTION("uid") { other.uid = "2"; }
  SECTION("groups") { other.groups.emplace_back("admins"); }
  SECTION("a value") { other.extra["k"] = {"w"}; }
  SECTION("a key") { other.extra = {{"l", {"v"}}}; }
  CHECK_FALSE(Interned<Identity>(ann) == Interned<Identity>(other));
}

}  // namespace
}  // namespace portcullis::model
