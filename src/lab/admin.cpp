#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "lab/admin_world.hpp"
#include "lab/handlers.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

net::Response bad(const std::string& problem) {
  return json_answer(400, {{"error", {{"code", "BadRequest"}, {"message", problem}}}});
}

std::optional<Json> body_of(const Call& call) {
  Json body = Json::parse(call.request->body, nullptr, false);
  if (body.is_discarded()) return std::nullopt;
  return body;
}

net::Response faults(Cloud& cloud, const Call& call) {
  if (call.path.size() == 3 && call.method == "DELETE") {
    return empty_answer(cloud.faults.remove(call.path[2]) ? 204 : 404);
  }
  if (call.method == "GET") return json_answer(200, {{"faults", cloud.faults.list()}});
  if (call.method == "DELETE") {
    cloud.faults.clear();
    return empty_answer(204);
  }
  if (call.method != "POST") return empty_answer(405);
  const auto body = body_of(call);
  if (!body) return bad("no JSON");
  const auto added = cloud.faults.add(*body);
  return added ? json_answer(201, *added) : bad(added.error());
}

net::Response settings(Cloud& cloud, const Call& call) {
  if (call.method == "PATCH" || call.method == "PUT") {
    const auto body = body_of(call);
    if (!body) return bad("no JSON");
    if (const auto problem = change(cloud.settings, *body)) return bad(*problem);
  } else if (call.method != "GET") {
    return empty_answer(405);
  }
  return json_answer(200, to_json(cloud.settings));
}

Json line_view(const LoggedRequest& line) {
  Json item = {
      {"seq", line.number},           {"time", format_micro_time(line.at)},
      {"method", line.method},        {"path", line.target.substr(0, line.target.find('?'))},
      {"target", line.target},        {"client", line.client},
      {"userAgent", line.user_agent}, {"status", line.status}};
  if (!line.code.empty()) item["code"] = line.code;
  if (!line.fault.empty()) item["fault"] = line.fault;
  if (!line.body.empty()) {
    const Json body = Json::parse(line.body, nullptr, false);
    item["body"] = body.is_discarded() ? Json(line.body) : body;
  }
  return item;
}

net::Response requests(Cloud& cloud, const Call& call) {
  if (call.method == "DELETE") {
    cloud.log.clear();
    return empty_answer(204);
  }
  if (call.method != "GET") return empty_answer(405);
  std::size_t since = 0;
  const std::string text = call.query_or("since", "0");
  std::from_chars(text.data(), text.data() + text.size(), since);
  const std::string method = call.query_or("method", "");
  Json list = Json::array();
  for (const LoggedRequest& line : cloud.log) {
    if (line.number <= since) continue;
    if (!method.empty() && !same_name(method, line.method)) continue;
    list.push_back(line_view(line));
  }
  return json_answer(200, list);
}

net::Response locks(Cloud& cloud, const Call& call) {
  if (call.method == "DELETE") {
    if (call.path.size() == 3) {
      std::erase_if(cloud.locks, [&](const Lock& lock) { return lock.name == call.path[2]; });
    } else {
      cloud.locks.clear();
    }
    return empty_answer(204);
  }
  if (call.method == "POST") {
    const auto body = body_of(call);
    if (!body || !body->is_object()) return bad("no JSON object");
    const Lock lock{.name = body->value("name", fmt::format("lock-{}", cloud.locks.size() + 1)),
                    .scope = body->value("scope", ""),
                    .level = body->value("level", "")};
    if (!lock.scope.starts_with('/')) return bad("scope: an ARM id");
    if (lock.level != "CanNotDelete" && lock.level != "ReadOnly") {
      return bad("level: CanNotDelete or ReadOnly");
    }
    cloud.locks.push_back(lock);
    return json_answer(201, {{"name", lock.name}});
  }
  Json list = Json::array();
  for (const Lock& lock : cloud.locks) {
    list.push_back({{"name", lock.name}, {"scope", lock.scope}, {"level", lock.level}});
  }
  return json_answer(200, {{"locks", std::move(list)}});
}

net::Response denials(Cloud& cloud, const Call& call) {
  if (call.method == "DELETE") {
    cloud.denials.clear();
    return empty_answer(204);
  }
  if (call.method == "POST") {
    const auto body = body_of(call);
    if (!body || !body->is_object()) return bad("no JSON object");
    const Denial denial{.client = body->value("clientID", ""),
                        .action = body->value("action", ""),
                        .scope = body->value("scope", "")};
    if (denial.action.empty()) return bad("action: such as Microsoft.Network/*/write");
    cloud.denials.push_back(denial);
    return empty_answer(201);
  }
  Json list = Json::array();
  for (const Denial& denial : cloud.denials) {
    list.push_back(
        {{"clientID", denial.client}, {"action", denial.action}, {"scope", denial.scope}});
  }
  return json_answer(200, {{"denials", std::move(list)}});
}

net::Response operations(const Cloud& cloud) {
  constexpr std::array names = {"InProgress", "Succeeded", "Failed", "Canceled"};
  Json list = Json::array();
  for (const Operation& operation : cloud.operations.all()) {
    list.push_back({{"id", operation.id},
                    {"kind", operation.kind},
                    {"group", operation.group},
                    {"rule", operation.rule},
                    {"status", names.at(static_cast<std::size_t>(operation.status))}});
  }
  return json_answer(200, {{"operations", std::move(list)}});
}

net::Response dispatch(Cloud& cloud, const Call& call) {
  const std::string section = call.path.size() > 1 ? lower(call.path[1]) : "";
  if (section == "health") return json_answer(200, {{"status", "ok"}});
  if (section == "faults") return faults(cloud, call);
  if (section == "settings") return settings(cloud, call);
  if (section == "requests") return requests(cloud, call);
  if (section == "locks") return locks(cloud, call);
  if (section == "denials") return denials(cloud, call);
  if (section == "operations") return operations(cloud);
  if (section == "tokens" && call.method == "DELETE") {
    cloud.tokens.revoke_all();
    return empty_answer(204);
  }
  return answer_admin_world(cloud, call);
}

}  // namespace

net::Response answer_admin(Cloud& cloud, const Call& call) {
  try {
    return dispatch(cloud, call);
  } catch (const Json::exception& error) {  // a member of the wrong type
    return bad(error.what());
  }
}

}  // namespace portcullis::lab
