#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "controllers/world.hpp"
#include "net/http.hpp"

namespace portcullis::controllers {

/// The API server as the reconcilers meet it: keeps objects of one namespace, does what writes say,
/// and refuses what the real one refuses. Caches see what it holds when a test says so.
class ApiServer {
 public:
  using json = nlohmann::json;

  explicit ApiServer(const Clock& clock) : clock_(clock) {}

  std::map<std::string, json> objects;   ///< by "plural/name"
  std::vector<std::string> writes;       ///< tried: "PATCH accessrequests/ssh/status"
  std::set<std::string> broken;          ///< writes that are answered 500 and do nothing
  std::set<std::string> lost;            ///< writes that are done, but whose answer never comes
  bool allows = true;                    ///< what the authorizer says
  bool reviews_fail = false;             ///< it says nothing
  int reviews = 0;                       ///< how often it was asked
  std::function<void()> while_reviewed;  ///< happens before it answers

  Result<net::Response> serve(const net::Request& asked) {
    std::string path = asked.target.substr(0, asked.target.find('?'));
    if (path.ends_with("/subjectaccessreviews")) return review();
    if (asked.method == "GET") return get(path);
    const bool creates = asked.method == "POST";
    const json body = json::parse(asked.body);
    if (creates) path += "/" + body["metadata"]["name"].get<std::string>();
    const bool status = path.ends_with("/status");
    const std::string key = last_two(status ? path.substr(0, path.size() - 7) : path);
    const std::string write = asked.method + " " + key + (status ? "/status" : "");
    writes.push_back(write);
    if (broken.contains(write)) return problem(500, "InternalError");
    auto answer = creates ? create(key, body) : change(asked.method, key, body);
    if (lost.contains(write)) return fail(Error::Kind::timeout, "the deadline passed");
    return answer;
  }

  /// What a watch tells: the caches hold what the server holds.
  void deliver(World& world) const {
    fill(world.stores.accounts, "cloudaccounts/");
    fill(world.stores.policies, "jitpolicies/");
    fill(world.stores.requests, "accessrequests/");
    fill(world.stores.decisions, "accessdecisions/");
    fill(world.stores.verdicts, "accessverdicts/");
  }

  /// Somebody edits it.
  void edit(const std::string& key, const json& merge_patch) {
    json& object = objects.at(key);
    object.merge_patch(merge_patch);
    bump(object);
    object["metadata"]["generation"] = object["metadata"]["generation"].get<int>() + 1;
  }

  /// Somebody deletes it; it stays as long as it has finalizers.
  void remove(const std::string& key) {
    json& metadata = objects.at(key)["metadata"];
    metadata["deletionTimestamp"] = format_rfc3339(clock_.now());
    bump(objects.at(key));
    if (metadata.value("finalizers", json::array()).empty()) objects.erase(key);
  }

 private:
  static std::string last_two(const std::string& path) {
    return path.substr(path.rfind('/', path.rfind('/') - 1) + 1);
  }

  static net::Response problem(int status, const char* reason) {
    const json body = {
        {"kind", "Status"},    {"apiVersion", "v1"},
        {"status", "Failure"}, {"reason", reason},
        {"code", status},      {"message", std::string("the server says ") + reason}};
    return {.status = status, .body = body.dump()};
  }

  Result<net::Response> review() {
    ++reviews;
    if (while_reviewed) while_reviewed();
    if (reviews_fail) return problem(500, "InternalError");
    return net::Response{.status = 201, .body = json{{"status", {{"allowed", allows}}}}.dump()};
  }

  Result<net::Response> get(const std::string& path) const {
    const auto found = objects.find(last_two(path));
    if (found == objects.end()) return problem(404, "NotFound");
    return net::Response{.status = 200, .body = found->second.dump()};
  }

  Result<net::Response> create(const std::string& key, json body) {
    if (objects.contains(key)) return problem(409, "AlreadyExists");
    json& metadata = body["metadata"];
    metadata["uid"] = "uid-of-" + metadata["name"].get<std::string>();
    metadata["generation"] = 1;
    metadata["creationTimestamp"] = format_rfc3339(clock_.now());
    metadata["finalizers"] = {model::finalizer};  // stamped at admission
    bump(body);
    objects[key] = body;
    return net::Response{.status = 201, .body = body.dump()};
  }

  Result<net::Response> change(const std::string& method, const std::string& key,
                               const json& body) {
    if (!objects.contains(key)) return problem(404, "NotFound");
    json& object = objects[key];
    if (method == "DELETE") {
      if (body["preconditions"]["uid"] != object["metadata"]["uid"]) {
        return problem(409, "Conflict");
      }
      remove(key);
    } else if (body.is_array()) {
      try {
        object = object.patch(body);
      } catch (const json::exception&) {
        return problem(422, "Invalid");
      }
      bump(object);
      const json& metadata = object["metadata"];
      if (metadata.contains("deletionTimestamp") && metadata["finalizers"].empty()) {
        objects.erase(key);
      }
    } else {
      const json& version = body["metadata"]["resourceVersion"];
      if (version != object["metadata"]["resourceVersion"]) return problem(409, "Conflict");
      object.merge_patch(body);
      bump(object);
    }
    return net::Response{.status = 200, .body = "{}"};
  }

  void bump(json& object) { object["metadata"]["resourceVersion"] = std::to_string(++version_); }

  template <typename T>
  void fill(kube::Store<T>& store, const std::string& prefix) const {
    simdjson::dom::parser parser;
    store.begin_replace();
    for (const auto& [key, object] : objects) {
      if (key.starts_with(prefix)) store.put(parser.parse(object.dump()).value());
    }
    store.end_replace();
  }

  const Clock& clock_;
  int version_ = 1;
};

}  // namespace portcullis::controllers
