// Questions to the API server about people: who is this, and may they.

#include "kube/client.hpp"

namespace portcullis::kube {
namespace {

using nlohmann::json;
using Kind = Error::Kind;

Resource review(const char* group, const char* plural, const char* kind) {
  return {.group = group, .version = "v1", .plural = plural, .kind = kind, .namespaced = false};
}

json to_json(const AccessAttributes& attributes) {
  json resource{
      {"group", attributes.group}, {"resource", attributes.resource}, {"verb", attributes.verb}};
  if (!attributes.subresource.empty()) resource["subresource"] = attributes.subresource;
  if (!attributes.ns.empty()) resource["namespace"] = attributes.ns;
  if (!attributes.name.empty()) resource["name"] = attributes.name;
  return resource;
}

json to_json(const UserInfo& user, const AccessAttributes& attributes) {
  json spec{{"user", user.username}, {"resourceAttributes", to_json(attributes)}};
  if (!user.uid.empty()) spec["uid"] = user.uid;
  if (!user.groups.empty()) spec["groups"] = user.groups;
  if (!user.extra.empty()) spec["extra"] = user.extra;
  return spec;
}

std::vector<std::string> texts(const json& array) {
  std::vector<std::string> out;
  if (!array.is_array()) return out;
  for (const json& item : array) {
    if (item.is_string()) out.push_back(item.get<std::string>());
  }
  return out;
}

const json& part(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

/// What a review answers; anything but a plain yes or no is an error.
Result<bool> read_review(const json& answer) {
  const json& status = part(answer, "status");
  const json& allowed = part(status, "allowed");
  if (!allowed.is_boolean()) {
    return fail(Kind::malformed, "an access review without status.allowed");
  }
  if (part(status, "denied") == true) return false;
  if (const auto problem = text(part(status, "evaluationError")); !problem.empty()) {
    return fail(Kind::unavailable, "the authorizer could not tell: " + problem);
  }
  return allowed.get<bool>();
}

}  // namespace

Task<Result<bool>> Client::may(UserInfo user, AccessAttributes attributes) {
  // Asked with groups alone, the server answers for the groups: a yes to nobody in particular.
  if (user.username.empty()) co_return fail(Kind::invalid, "a user without a name has no rights");
  json body{{"spec", to_json(user, attributes)}};
  const auto answer =
      co_await create(review("authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
                      "", std::move(body));
  if (!answer) co_return fail(answer.error());
  co_return read_review(*answer);
}

Task<Result<bool>> Client::may_i(AccessAttributes attributes) {
  json body{{"spec", {{"resourceAttributes", to_json(attributes)}}}};
  const auto answer = co_await create(
      review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"), "",
      std::move(body));
  if (!answer) co_return fail(answer.error());
  co_return read_review(*answer);
}

Task<Result<UserInfo>> Client::who_am_i() {
  const auto answer =
      co_await create(review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
                      "", json::object());
  if (!answer) co_return fail(answer.error());
  const json& info = part(part(*answer, "status"), "userInfo");
  UserInfo user{.username = text(part(info, "username")),
                .uid = text(part(info, "uid")),
                .groups = texts(part(info, "groups"))};
  if (user.username.empty()) {
    co_return fail(Kind::malformed, "a SelfSubjectReview without a user name");
  }
  if (const json& extra = part(info, "extra"); extra.is_object()) {
    for (const auto& [key, values] : extra.items()) user.extra[key] = texts(values);
  }
  co_return user;
}

}  // namespace portcullis::kube
