#include <catch2/catch.hpp>

#include "client_world.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using test::FakeClock;
using test::FakeTransport;
using test::run;
using Kind = Error::Kind;
using World = ClientWorld;

const Resource namespaces{
    .group = "", .version = "v1", .plural = "namespaces", .kind = "Namespace", .namespaced = false};

TEST_CASE("Paths name group, version, namespace and object; odd characters are encoded") {
  CHECK(resource_path(policies, prod) ==
        "/apis/portcullis.dev/v1alpha1/namespaces/team-a/jitpolicies/prod-ssh");
  CHECK(resource_path(policies, {.name = {}}) == "/apis/portcullis.dev/v1alpha1/jitpolicies");
  CHECK(resource_path(namespaces, {.name = "a b/c"}) == "/api/v1/namespaces/a%20b%2Fc");
  CHECK(to_key(prod) == "team-a/prod-ssh");
  CHECK(to_key({.name = "x"}) == "x");
}

TEST_CASE("A name that would address something else is never sent") {
  World world;
  const auto name = GENERATE(as<std::string>{}, "", ".", "..", "a/b", "a%2Fb");
  const ObjectName bad{.ns = "team-a", .name = name};
  CHECK(run(world.io, world.clock, world.client.remove(policies, bad)).error().kind ==
        Kind::invalid);
  CHECK(run(world.io, world.clock, world.client.get(policies, bad)).error().kind == Kind::invalid);
  CHECK(run(world.io, world.clock, world.client.remove(policies, {.name = "x"})).error().kind ==
        Kind::invalid);
  CHECK(world.transport.sent.empty());
}

TEST_CASE("A get carries the token and gives the object") {
  World world;
  world.transport.answer(200, R"({"kind":"JitPolicy","spec":{"a":1}})");
  const auto object = world.get();
  REQUIRE(object);
  CHECK((*object)["spec"]["a"] == 1);
  const auto& request = world.transport.last();
  CHECK(request.method == "GET");
  CHECK(net::find_header(request.headers, "Authorization") == "Bearer first");
  CHECK(net::find_header(request.headers, "Accept") == "application/json");
}

TEST_CASE("Writes name the field manager, are strict, and use the content type of their patch") {
  World world;
  const std::string path = "/apis/portcullis.dev/v1alpha1/namespaces/team-a/jitpolicies";
  const std::string options = "?fieldManager=portcullis&fieldValidation=Strict";
  const auto check = [&](const char* method, const std::string& target, const char* type) {
    CHECK(world.transport.last().method == method);
    CHECK(world.transport.last().target == target);
    CHECK(net::find_header(world.transport.last().headers, "Content-Type") == type);
  };
  for (int i = 0; i < 5; ++i) world.transport.answer(200, "{}");

  CHECK(run(world.io, world.clock, world.client.create(policies, "team-a", json::object())));
  check("POST", path + options, "application/json");
  CHECK(json::parse(world.transport.last().body) == json{{"apiVersion", "portcullis.dev/v1alpha1"},
                                                         {"kind", "JitPolicy"},
                                                         {"metadata", {{"namespace", "team-a"}}}});

  CHECK(run(world.io, world.clock,
            world.client.merge_patch(policies, prod, json{{"status", nullptr}},
                                     {.dry_run = true, .subresource = "status"})));
  check("PATCH", path + "/prod-ssh/status" + options + "&dryRun=All",
        "application/merge-patch+json");

  CHECK(run(world.io, world.clock, world.client.json_patch(policies, prod, json::array())));
  check("PATCH", path + "/prod-ssh" + options, "application/json-patch+json");

  CHECK(run(world.io, world.clock, world.client.apply(policies, prod, json::object())));
  check("PATCH", path + "/prod-ssh" + options + "&force=true", "application/apply-patch+yaml");
  CHECK(json::parse(world.transport.last().body)["metadata"]["name"] == "prod-ssh");

  CHECK(run(world.io, world.clock, world.client.replace(policies, prod, json::object())));
  check("PUT", path + "/prod-ssh" + options, "application/json");
}

TEST_CASE("A removal sends its preconditions") {
  World world;
  world.transport.answer(200, status_text(200, "", ""));
  CHECK(run(world.io, world.clock,
            world.client.remove(policies, prod, {.uid = "u-1", .resource_version = "7"})));
  const auto body = json::parse(world.transport.last().body);
  CHECK(world.transport.last().method == "DELETE");
  CHECK(body["preconditions"] == json{{"uid", "u-1"}, {"resourceVersion", "7"}});

  world.transport.answer(409, status_text(409, "Conflict", "Precondition failed: UID"));
  CHECK(run(world.io, world.clock, world.client.remove(policies, prod)).error().kind ==
        Kind::conflict);
  CHECK_FALSE(json::parse(world.transport.last().body).contains("preconditions"));
}

TEST_CASE("What cannot be written as JSON is refused before it is sent") {
  World world;
  CHECK(run(world.io, world.clock, world.client.create(policies, "team-a", json("text")))
            .error()
            .kind == Kind::invalid);
  CHECK(run(world.io, world.clock,
            world.client.create(policies, "team-a", json{{"metadata", {1, 2}}}))
            .error()
            .kind == Kind::invalid);
  CHECK(
      run(world.io, world.clock, world.client.merge_patch(policies, prod, json{{"x", "\xff\xfe"}}))
          .error()
          .kind == Kind::invalid);
  CHECK(world.transport.sent.empty());
}

TEST_CASE("Errors are classed by the reason first, by the code second") {
  struct Row {
    int code;
    const char* reason;
    Kind kind;
  };
  const auto row = GENERATE(values<Row>({{404, "NotFound", Kind::not_found},
                                         {409, "AlreadyExists", Kind::already_exists},
                                         {409, "Conflict", Kind::conflict},
                                         {409, "", Kind::conflict},
                                         {410, "Expired", Kind::expired},
                                         {410, "Gone", Kind::expired},
                                         {422, "Invalid", Kind::invalid},
                                         {400, "BadRequest", Kind::invalid},
                                         {400, "Expired", Kind::expired},
                                         {401, "Unauthorized", Kind::unauthorized},
                                         {403, "Forbidden", Kind::forbidden},
                                         {405, "MethodNotAllowed", Kind::unsupported},
                                         {415, "UnsupportedMediaType", Kind::unsupported},
                                         {429, "TooManyRequests", Kind::throttled},
                                         {500, "InternalError", Kind::unavailable},
                                         {500, "ServerTimeout", Kind::unavailable},
                                         {503, "ServiceUnavailable", Kind::unavailable},
                                         {504, "Timeout", Kind::timeout},
                                         {500, "SomethingNew", Kind::unavailable},
                                         {418, "SomethingNew", Kind::invalid}}));
  World world;
  for (int i = 0; i < 2; ++i)
    world.transport.answer(row.code, status_text(row.code, row.reason, "why"));
  const auto error = world.get().error();
  CHECK(error.kind == row.kind);
  CHECK(error.code == row.reason);
  CHECK(error.message == "why");
  CHECK(error.status == row.code);
}

TEST_CASE("A body that is no Status is told apart by its code, and shown on one line") {
  World world;
  world.transport.answer(404, "404 page not found\n");
  CHECK(world.get().error().kind == Kind::not_found);
  world.transport.answer(502, "<html>\nbad \x01gateway" + std::string(9000, 'x'));
  const auto error = world.get().error();
  CHECK(error.kind == Kind::unavailable);
  CHECK(error.message.starts_with("the server answered 502: <html> bad  gateway"));
  CHECK(error.message.size() < 2200);
  world.transport.answer(409, R"({"kind":"Status","apiVersion":"v1","reason":"Conf)");
  CHECK(world.get().error().kind == Kind::conflict);
  world.transport.answer(302, "", {{"Location", "https://elsewhere/"}});
  CHECK(world.get().error().kind == Kind::malformed);
}

TEST_CASE("A future resource version is told by its cause, or by the words of older servers") {
  World world;
  const json details{{"causes", {{{"reason", "ResourceVersionTooLarge"}}}}};
  world.transport.answer(504, status_text(504, "Timeout", "later", details));
  CHECK(world.get().error().code == "ResourceVersionTooLarge");
  world.transport.answer(504,
                         status_text(504, "Timeout", "Timeout: Too large resource version: 9"));
  CHECK(world.get().error().code == "ResourceVersionTooLarge");
}

TEST_CASE("Answers that cannot be understood are errors, not exceptions") {
  const auto body =
      GENERATE(as<std::string>{}, "", "[]", "null", "\"x\"", "{", "{\"a\":}", "\xef\xbb\xbf[1]",
               "{\"a\":NaN}", "{\"a\":1e400}", "{}{}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\xff\"}",
               std::string(1000, '[') + std::string(1000, ']'),
               "{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}",
               "{\"a\":" + std::string(100'000, '['));
  World world;
  world.transport.answer(200, body);
  const auto object = world.get();
  REQUIRE_FALSE(object);
  CHECK(object.error().kind == Kind::malformed);
}

TEST_CASE("After a 401 the token is read again, once") {
  World world;
  world.transport.answer(401, status_text(401, "Unauthorized", "no"));
  world.transport.answer(200, "{}");
  CHECK(world.get());
  CHECK(world.tokens.rejected == 1);
  CHECK(net::find_header(world.transport.last().headers, "Authorization") == "Bearer second");
  CHECK(world.transport.last().headers.size() == 2);

  for (int i = 0; i < 3; ++i) world.transport.answer(401, status_text(401, "Unauthorized", "no"));
  CHECK(world.get().error().kind == Kind::unauthorized);
  CHECK(world.transport.sent.size() == 4);
}

TEST_CASE("A token that would make another header is not sent") {
  World world;
  world.tokens.tokens[0] = "abc\r\nX-Evil: 1";
  CHECK(world.get().error().kind == Kind::unauthorized);
  CHECK(world.transport.sent.empty());
}

TEST_CASE("The server's date is told to the clock, from errors too") {
  World world;
  const TimePoint later = world.clock.now() + 1h;
  world.transport.answer(404, "", {{"Date", "Thu, 19 Nov 2099 00:00:00 GMT"}});
  CHECK_FALSE(world.get());
  CHECK(world.clock.observed == 1);
  CHECK(world.clock.observed_from == "https://api.test");
  CHECK(world.clock.now() > later);
}

TEST_CASE("A server that no TLS proves sets no clock") {
  World world;
  Client plain(world.transport, world.clock);
  world.transport.answer(404, "", {{"Date", "Thu, 19 Nov 2099 00:00:00 GMT"}});
  CHECK_FALSE(run(world.io, world.clock, plain.get(policies, prod)));
  CHECK(world.clock.observed == 0);
}

TEST_CASE("A failed test of a JSON patch is a conflict; other refusals stay what they are") {
  World world;
  const std::string refused = "the server rejected our request due to an error in our request";
  const json patch{{{"op", "test"}, {"path", "/metadata/uid"}, {"value", "u"}},
                   {{"op", "remove"}, {"path", "/metadata/finalizers/0"}}};
  world.transport.answer(422, status_text(422, "Invalid", refused));
  CHECK(run(world.io, world.clock, world.client.json_patch(policies, prod, patch)).error().kind ==
        Kind::conflict);
  world.transport.answer(422, status_text(422, "Invalid", refused));
  CHECK(run(world.io, world.clock, world.client.json_patch(policies, prod, json::array({patch[1]})))
            .error()
            .kind == Kind::invalid);
  world.transport.answer(422, status_text(422, "Invalid", "spec.x: Forbidden"));
  CHECK(run(world.io, world.clock, world.client.json_patch(policies, prod, patch)).error().kind ==
        Kind::invalid);
}

TEST_CASE("A SubjectAccessReview asks for the stored user, all of it") {
  World world;
  world.transport.answer(201, R"({"status":{"allowed":true,"reason":"RBAC"}})");
  const UserInfo user{
      .username = "alice", .uid = "u-1", .groups = {"sre"}, .extra = {{"scopes", {"a", "b"}}}};
  const AccessAttributes asks{.group = "portcullis.dev",
                              .resource = "jitpolicies",
                              .ns = "team-a",
                              .name = "prod-ssh",
                              .verb = "request"};
  CHECK(run(world.io, world.clock, world.client.may(user, asks)) == true);
  CHECK(world.transport.last().target.starts_with(
      "/apis/authorization.k8s.io/v1/subjectaccessreviews?"));
  CHECK(json::parse(world.transport.last().body)["spec"] ==
        json::parse(R"({"user":"alice","uid":"u-1","groups":["sre"],"extra":{"scopes":["a","b"]},
          "resourceAttributes":{"group":"portcullis.dev","resource":"jitpolicies",
          "namespace":"team-a","name":"prod-ssh","verb":"request"}})"));
}

TEST_CASE("A question about oneself names nobody") {
  World world;
  world.transport.answer(201, R"({"status":{"allowed":true}})");
  const AccessAttributes asks{.group = "portcullis.dev",
                              .resource = "jitpolicies",
                              .subresource = "status",
                              .verb = "patch"};
  CHECK(run(world.io, world.clock, world.client.may_i(asks)) == true);
  CHECK(world.transport.last().target.starts_with(
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?"));
  CHECK(json::parse(world.transport.last().body)["spec"] ==
        json::parse(R"({"resourceAttributes":{"group":"portcullis.dev","resource":"jitpolicies",
          "subresource":"status","verb":"patch"}})"));
  world.transport.answer(201, R"({"status":{"allowed":false}})");
  CHECK(run(world.io, world.clock, world.client.may_i(asks)) == false);
  world.transport.answer(201, "{}");
  CHECK(run(world.io, world.clock, world.client.may_i(asks)).error().kind == Kind::malformed);
}

TEST_CASE("Only a plain yes is a yes") {
  World world;
  const auto ask = [&](const std::string& body) {
    world.transport.answer(201, body);
    return run(world.io, world.clock, world.client.may({.username = "alice"}, {}));
  };
  CHECK(ask(R"({"status":{"allowed":false}})") == false);
  CHECK(ask(R"({"status":{"allowed":true,"denied":true}})") == false);
  CHECK(ask(R"({"status":{"allowed":false,"denied":true,"evaluationError":"x"}})") == false);
  CHECK(ask(R"({"status":{"allowed":false,"evaluationError":"x"}})").error().kind ==
        Kind::unavailable);
  CHECK(ask(R"({"status":{"allowed":true,"evaluationError":"x"}})").error().kind ==
        Kind::unavailable);
  CHECK(ask(R"({"status":{"allowed":"true"}})").error().kind == Kind::malformed);
  CHECK(ask(R"({"status":[]})").error().kind == Kind::malformed);
  CHECK(ask(R"({})").error().kind == Kind::malformed);
  const auto asked = world.transport.sent.size();
  CHECK(run(world.io, world.clock, world.client.may({.username = "", .groups = {"sre"}}, {}))
            .error()
            .kind == Kind::invalid);
  CHECK(world.transport.sent.size() == asked);
}

TEST_CASE("Who we are comes from a SelfSubjectReview") {
  World world;
  world.transport.answer(201, R"({"status":{"userInfo":{"username":"op","uid":"7",
    "groups":["a","b"],"extra":{"k":["v"]}}}})");
  CHECK(run(world.io, world.clock, world.client.who_am_i()) ==
        UserInfo{.username = "op", .uid = "7", .groups = {"a", "b"}, .extra = {{"k", {"v"}}}});
  world.transport.answer(201, R"({"status":{"userInfo":{}}})");
  CHECK(run(world.io, world.clock, world.client.who_am_i()).error().kind == Kind::malformed);
}

TEST_CASE("No token comes into a message, whoever sends it back") {
  World world;
  const std::string jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl_-1";
  const auto [body, message] = GENERATE_REF(table<std::string, std::string>({
      {"<p>Authorization: Bearer first</p>",
       "the server answered 502: <p>Authorization: Bearer [token]</p>"},
      {"x=" + jwt + "&y", "the server answered 502: x=[token]&y"},
      {status_text(502, "Bad", "no: first, " + jwt + "; eyJ is short"),
       "no: [token], [token]; eyJ is short"},
      {std::string(250, '.') + " first",
       "the server answered 502: " + std::string(250, '.') + " [toke"},
      {std::string(5000, 'x'), "the server answered 502: " + std::string(256, 'x')},
  }));
  world.transport.answer(502, body);
  CHECK(world.get().error().message == message);
  world.transport.add_stream(502)->piece(body).end();
  const auto opened = run(world.io, world.clock, world.client.open({.target = "/"}, 1s));
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message == message);
  world.transport.answer(200, "{\"a\": " + jwt + "}");
  CHECK(world.get().error().message.find("eyJ") == std::string::npos);
}

}  // namespace
}  // namespace portcullis::kube
