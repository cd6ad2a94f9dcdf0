#include <fmt/format.h>
#include <malloc.h>

#include "request_scene.hpp"

// What the sanitizers' heap needs is their business.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)

namespace portcullis::controllers {
namespace {

constexpr int count = 500;

std::size_t heap_in_use() {
  const auto heap = mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

std::string uid_of(int number, char kind) {
  return fmt::format("{}0000000-1111-4222-8333-{:012}", kind, number);
}

/// As the API server stamps and prints it.
json refused_request(const RequestScene& scene, int number) {
  json object = RequestScene::held(scene.request());
  object["metadata"]["name"] = fmt::format("request-{}", number);
  object["metadata"]["uid"] = uid_of(number, 'a');
  object["spec"]["duration"] = "2h";  // longer than the policy allows
  object["spec"]["targets"] = {"web-1"};
  object["spec"]["reason"] = fmt::format("INC-{} disk full", number);
  object["spec"]["sources"] = {fmt::format("198.18.{}.{}/32", number / 250, number % 250 + 1)};
  object["spec"]["requester"] = {
      {"username", fmt::format("user-{}@example.com", number % 10)},
      {"groups", {"engineers", "system:authenticated"}},
      {"extra",
       {{"authentication.kubernetes.io/credential-id",
         {fmt::format("X509SHA256=0123456789abcdef0123456789abcdef0123456789abcdef{:016}",
                      number % 10)}}}}};
  return object;
}

struct Printed {
  std::string key;
  std::string text;
};

/// Many requests, each refused and told so.
std::vector<Printed> refuse_many() {
  RequestScene scene;
  for (int number = 0; number < count; ++number) {
    scene.api.objects[fmt::format("accessrequests/request-{}", number)] =
        refused_request(scene, number);
  }
  for (int round = 0; round < 3; ++round) {
    scene.api.deliver(scene.world);
    for (int number = 0; number < count; ++number) {
      REQUIRE(scene.pass_unseen(fmt::format("request-{}", number)));
    }
  }
  std::vector<Printed> out;
  for (const auto& [key, object] : scene.api.objects) {
    const bool is_request = key.starts_with("accessrequests/request-");
    if (is_request) REQUIRE(object["status"]["state"] == "Denied");
    if (is_request || key.starts_with("accessverdicts/")) out.push_back({key, object.dump()});
  }
  REQUIRE(out.size() == 2 * count);
  return out;
}

TEST_CASE_METHOD(RequestScene, "a finished request costs little memory for as long as it is kept",
                 "[footprint]") {
  const std::vector<Printed> objects = refuse_many();
  world.request_queue.add_at("team-a/ssh", clock.now() + 1h);
  const std::size_t before = heap_in_use();
  {
    simdjson::dom::parser parser;
    world.stores.requests.begin_replace();
    world.stores.verdicts.begin_replace();
    for (const Printed& one : objects) {
      const auto parsed = parser.parse(one.text).value();
      if (one.key.starts_with("accessrequests/")) {
        world.stores.requests.put(parsed);
      } else {
        world.stores.verdicts.put(parsed);
      }
    }
    world.stores.requests.end_replace();
    world.stores.verdicts.end_replace();
  }
  api.writes.clear();
  for (int number = 0; number < count; ++number) {
    const std::string name = fmt::format("request-{}", number);
    const auto next = pass_unseen(name);
    REQUIRE(next);
    REQUIRE(next->at);
    CHECK((*next->at > clock.now() + 24h));  // it is kept for a week
    world.request_queue.add_at("team-a/" + name, *next->at);
  }
  CHECK(api.writes.empty());
  const std::size_t each = (heap_in_use() - before) / count;
  INFO(each << " bytes of heap for each");
  CHECK(each <= 1'620);
}

std::size_t interned() {
  using model::Interned;
  return model::Name::kept() + Interned<std::vector<std::string>>::kept() +
         Interned<std::vector<model::PortSelection>>::kept() +
         Interned<std::vector<model::GrantedMachine>>::kept() + Interned<model::Identity>::kept();
}

TEST_CASE_METHOD(RequestScene, "what requesters make up is kept for no longer than their requests",
                 "[footprint]") {
  api.deliver(world);
  const std::size_t before = interned();
  {
    // Each is unlike any other in all that is kept once.
    simdjson::dom::parser parser;
    for (int number = 0; number < count; ++number) {
      const std::string own = fmt::format("made-up-{}", number);
      json object = refused_request(*this, number);
      object["metadata"]["finalizers"] = {own};
      json& spec = object["spec"];
      spec["policyRef"]["name"] = own;
      spec["targets"] = {own};
      spec["ports"] = {{{"port", number + 1}}};
      spec["requester"]["username"] = own;
      object["status"] = {{"state", own},
                          {"conditions",
                           {{{"type", "Drifted"},
                             {"status", "True"},
                             {"reason", own + "-reason"},
                             {"message", own + "-message"},
                             {"lastTransitionTime", format_rfc3339(clock.now())}}}}};
      world.stores.requests.put(parser.parse(object.dump()).value());
      // The same one again, as each write of anybody shows it.
      world.stores.requests.put(parser.parse(object.dump()).value());
      json decided = verdict();
      decided["metadata"]["name"] = object["metadata"]["uid"];
      decided["metadata"]["uid"] = uid_of(number, 'b');
      decided["spec"]["outcome"] = "Refused";  // how a grant ended is remembered until its end
      decided["spec"]["requester"] = own;
      decided["spec"]["policy"]["name"] = own;
      decided["spec"]["policy"]["uid"] = own;
      decided["spec"]["message"] = own;
      world.stores.verdicts.put(parser.parse(decided.dump()).value());
    }
  }
  REQUIRE(world.stores.requests.poisoned().empty());
  REQUIRE(world.stores.verdicts.poisoned().empty());
  CHECK(interned() >= before + 6 * count);
  api.deliver(world);
  CHECK(interned() == before);
}

}  // namespace
}  // namespace portcullis::controllers

#endif
