#pragma once

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "controllers/admission_guard.hpp"
#include "controllers/guard_probe.hpp"
#include "scene.hpp"
#include "support/run.hpp"

namespace portcullis::controllers {

/// An API server with the admission objects as installed, defaults filled in. It lists and watches
/// them, and does with a request what they say as long as `works`.
class GuardServer {
 public:
  bool mutating = true;  ///< it has the kinds that stamp
  bool works = true;     ///< policies are in force
  bool readable = true;  ///< the operator may read them
  bool answers = true;   ///< to anything
  bool hangs = false;    ///< the watches bring nothing any more
  kube::UserInfo user{.username = me, .uid = "me-1", .groups = {"system:authenticated"}};
  std::vector<json> probes;  ///< dry runs that came, as sent
  int lists = 0;
  std::optional<json> lease;  ///< what operators left there
  bool lease_allowed = true;
  std::map<GuardName, json> objects;

  explicit GuardServer(const Clock& clock) : clock_(clock) {
    for (const auto& [name, spec] : shipped_guards(me)) objects[name] = made(name, spec);
  }

  /// What the server makes of a spec.
  static json with_defaults(json spec) {
    if (const auto match = spec.find("matchConstraints"); match != spec.end()) fill_in(*match);
    if (const auto match = spec.find("matchResources"); match != spec.end()) fill_in(*match);
    return spec;
  }

  void install(const GuardName& name, const json& spec) {
    objects[name] = made(name, spec);
    tell("ADDED", name);
  }
  void remove(const GuardName& name) {
    tell("DELETED", name);
    objects.erase(name);
  }
  void change(const GuardName& name, const json& patch) {
    json& object = objects.at(name);
    json spec = with_defaults(object["spec"].patch(patch));
    if (spec != object["spec"]) object["metadata"]["generation"] = generation(name) + 1;
    object["spec"] = std::move(spec);
    touch(name);
  }
  void replace(const GuardName& name, const json& spec) {
    objects.at(name)["spec"] = spec;
    objects.at(name)["metadata"]["generation"] = generation(name) + 1;
    touch(name);
  }
  void touch(const GuardName& name) {
    objects.at(name)["metadata"]["resourceVersion"] = std::to_string(++version_);
    tell("MODIFIED", name);
  }
  int generation(const GuardName& name) { return objects.at(name)["metadata"]["generation"]; }

  /// What the streams have not been given yet.
  void hold() { holding_ = true; }
  void release() {
    holding_ = false;
    for (auto& [kind, text] : std::exchange(held_, {})) send(kind, text);
  }

  Result<net::Response> serve(const net::Request& asked) {
    if (!answers) return fail(Error::Kind::unavailable, "connection refused");
    if (asked.target.starts_with("/apis/authentication.k8s.io/")) return review();
    if (asked.target.starts_with("/apis/coordination.k8s.io/")) return serve_lease(asked);
    if (asked.method == "POST") return create(json::parse(asked.body), asked.target);
    for (const GuardKind kind : guard_kinds) {
      if (path_of(asked) != kube::resource_path(resource_of(kind), {.name = {}})) continue;
      return list(kind);
    }
    return problem(404, "NotFound", "no such thing");
  }

  Result<test::ScriptedStreamPtr> serve_stream(const net::Request& asked) {
    if (!answers) return fail(Error::Kind::unavailable, "connection refused");
    for (const GuardKind kind : guard_kinds) {
      if (path_of(asked) != kube::resource_path(resource_of(kind), {.name = {}})) continue;
      auto stream = test::make_stream(!readable ? 403 : is_served(kind) ? 200 : 404);
      if (stream->status != 200) {
        stream->piece(problem(stream->status, "Forbidden", "no").body).end();
        return stream;
      }
      std::string text;
      for (const auto& [name, object] : objects) {
        if (name.kind == kind) text += event("ADDED", object);
      }
      stream->piece(text + event("BOOKMARK", bookmark(kind)));
      streams_[kind] = stream;
      return stream;
    }
    return fail(Error::Kind::unavailable, "nobody here");
  }

 private:
  static std::string path_of(const net::Request& asked) {
    return asked.target.substr(0, asked.target.find('?'));
  }

  static void fill_in(json& match) {
    match.emplace("matchPolicy", "Equivalent");
    match.emplace("namespaceSelector", json::object());
    match.emplace("objectSelector", json::object());
    for (const char* rules : {"resourceRules", "excludeResourceRules"}) {
      if (!match.contains(rules)) continue;
      for (json& rule : match[rules]) rule.emplace("scope", "*");
    }
  }

  Result<net::Response> serve_lease(const net::Request& asked) {
    if (!lease_allowed) return problem(403, "Forbidden", "cannot touch leases");
    if (asked.method == "PATCH") lease = json::parse(asked.body);
    if (!lease) return problem(404, "NotFound", "no such lease");
    return net::Response{.status = 200, .body = lease->dump()};
  }

  bool is_served(GuardKind kind) const { return mutating || !is_mutating(kind); }

  json made(const GuardName& name, const json& spec) {
    const auto& resource = resource_of(name.kind);
    return {
        {"apiVersion", resource.group + "/v1"},
        {"kind", resource.kind},
        {"metadata",
         {{"name", name.name},
          {"uid", "uid-" + std::to_string(++version_)},
          {"resourceVersion", std::to_string(version_)},
          {"generation", 1},
          {"creationTimestamp", format_rfc3339(clock_.now())},
          {"managedFields", {{{"manager", "kubectl"}, {"time", format_rfc3339(clock_.now())}}}}}},
        {"spec", with_defaults(spec)}};
  }

  json bookmark(GuardKind kind) const {
    const auto& resource = resource_of(kind);
    return {{"apiVersion", resource.group + "/v1"},
            {"kind", resource.kind},
            {"metadata",
             {{"resourceVersion", std::to_string(version_)},
              {"annotations", {{"k8s.io/initial-events-end", "true"}}}}}};
  }

  static std::string event(const char* type, const json& object) {
    return json{{"type", type}, {"object", object}}.dump() + "\n";
  }

  void tell(const char* type, const GuardName& name) {
    send(name.kind, event(type, objects.at(name)));
  }
  void send(GuardKind kind, const std::string& text) {
    if (hangs || !streams_.contains(kind)) return;
    if (holding_) {
      held_[kind] += text;
    } else {
      streams_[kind]->piece(text);
    }
  }

  static net::Response problem(int status, const char* reason, const std::string& message) {
    return {.status = status,
            .body = json{{"kind", "Status"},
                         {"apiVersion", "v1"},
                         {"status", "Failure"},
                         {"reason", reason},
                         {"code", status},
                         {"message", message}}
                        .dump()};
  }

  Result<net::Response> review() const {
    const json info = {{"username", user.username},
                       {"uid", user.uid},
                       {"groups", user.groups},
                       {"extra", user.extra}};
    return net::Response{.status = 201, .body = json{{"status", {{"userInfo", info}}}}.dump()};
  }

  Result<net::Response> list(GuardKind kind) {
    ++lists;
    if (!is_served(kind)) return problem(404, "NotFound", "the server could not find it");
    if (!readable) return problem(403, "Forbidden", "cannot list resource");
    json items = json::array();
    for (const auto& [name, object] : objects) {
      if (name.kind == kind) items.push_back(object);
    }
    const json body = {{"kind", resource_of(kind).kind + "List"},
                       {"apiVersion", "admissionregistration.k8s.io/v1"},
                       {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                       {"items", items}};
    return net::Response{.status = 200, .body = body.dump()};
  }

  /// The checks of portcullis-request-create, in its order.
  Result<net::Response> create(json body, const std::string& target) {
    REQUIRE(target.find("dryRun=All") != std::string::npos);
    probes.push_back(body);
    if (!works) return net::Response{.status = 201, .body = body.dump()};
    json& who = body["spec"]["requester"];
    json extra = json::object();
    for (const auto& [field, values] : user.extra) {
      if (!field.starts_with("authentication.kubernetes.io/")) extra[field] = values;
    }
    if (mutating) {
      who = {{"username", user.username}, {"uid", user.uid}, {"groups", user.groups}};
      if (!extra.empty()) who["extra"] = extra;
    }
    for (const auto& [field, truth] : {std::pair<const char*, json>{"username", user.username},
                                       {"uid", user.uid},
                                       {"groups", user.groups}}) {
      if (who[field] != truth) {
        return refuse(std::string("spec.requester.") + field + " must be the truth");
      }
    }
    if (who.value("extra", json::object()) != extra) {
      return refuse("spec.requester.extra must be what the API server knows");
    }
    if (body["spec"]["policyRef"]["name"] != allowed_policy) {
      return refuse("may not ask for access: lacks the verb \"request\"");
    }
    return net::Response{.status = 201, .body = body.dump()};
  }

  static net::Response refuse(const std::string& why) {
    return problem(403, "Forbidden",
                   "accessrequests is forbidden: ValidatingAdmissionPolicy "
                   "'portcullis-request-create' with binding 'portcullis-request-create' denied "
                   "request: " +
                       why);
  }

  const Clock& clock_;
  int version_ = 100;
  bool holding_ = false;
  std::map<GuardKind, std::string> held_;
  std::map<GuardKind, test::ScriptedStreamPtr> streams_;
};

inline const GuardName create_check{GuardKind::policy, "portcullis-request-create"};
inline const GuardName create_binding{GuardKind::binding, "portcullis-request-create"};
inline const GuardName stamp{GuardKind::mutation, "portcullis-stamp-requester"};
inline const GuardName stamp_binding{GuardKind::mutation_binding, "portcullis-stamp-requester"};

inline const json audit = {
    {{"op", "replace"}, {"path", "/validationActions"}, {"value", {"Audit"}}}};
inline const json deny = {{{"op", "replace"}, {"path", "/validationActions"}, {"value", {"Deny"}}}};

/// The guard of an operator that starts ten minutes after the installation.
struct GuardScene : Scene {
  GuardServer api{clock};
  std::unique_ptr<AdmissionGuard> guard;
  asio::io_context io;  // last: its coroutines must die before what they refer to

  GuardScene() {
    log::configure(log::Level::error, log::Format::text);
    server.serve = [this](const net::Request& asked) { return api.serve(asked); };
    server.serve_stream = [this](const net::Request& asked) { return api.serve_stream(asked); };
    clock.advance(10min);
    put(world.stores.requests, request());  // made just now
  }

  void spawn(Task<void> task) {
    asio::co_spawn(io, std::move(task), [](std::exception_ptr thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }

  void start() {
    guard = std::make_unique<AdmissionGuard>(
        world, client, "portcullis-system", [this](Task<void> task) { spawn(std::move(task)); }, 7);
    spawn(guard->run());
    settle();
  }
  void start_whole() {
    start();
    REQUIRE(world.guard.holds);
  }

  /// The end of this operator; another may start.
  void end() {
    guard->stop();
    settle();
    REQUIRE(clock.sleepers() == 0);
    guard.reset();
    world.guard = {};
  }

  void settle() { test::settle(io); }
  void pass(Duration time) { clock.run_for(io, time); }
  bool holds() const { return world.guard.holds; }
  const std::string& problem() const { return world.guard.problem; }
  bool trusts(TimePoint created) const { return created >= world.guard.distrust_before; }
};

}  // namespace portcullis::controllers
