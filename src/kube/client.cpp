#include "kube/client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kube/status.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using nlohmann::json;
using Kind = Error::Kind;

/// What the API server takes as a segment of a path; anything else would name another object.
bool is_segment(const std::string& text) {
  return !text.empty() && text != "." && text != ".." && text.size() <= 253 &&
         text.find_first_of("/%") == std::string::npos;
}

/// An empty name would address the whole collection: fatal for a DELETE.
Result<Done> check_name(const Resource& resource, const ObjectName& name) {
  if (!is_segment(name.name)) {
    return fail(Kind::invalid, fmt::format("\"{}\" cannot be the name of an object", name.name));
  }
  if (resource.namespaced != is_segment(name.ns)) {
    return fail(Kind::invalid, fmt::format("\"{}\" is not a namespace for {} \"{}\"", name.ns,
                                           resource.plural, name.name));
  }
  return Done{};
}

std::string api_version(const Resource& resource) {
  return resource.group.empty() ? resource.version : resource.group + "/" + resource.version;
}

std::string write_path(const Resource& resource, const ObjectName& name,
                       const WriteOptions& options) {
  std::string path = resource_path(resource, name);
  if (!options.subresource.empty()) path += "/" + net::encode_component(options.subresource);
  return path + "?fieldManager=portcullis&fieldValidation=Strict";
}

/// Fills in what the path says already, so that callers need not repeat it.
Result<Done> complete(json& body, const Resource& resource, const ObjectName& name) {
  if (!body.is_object()) return fail(Kind::invalid, "an object of the API is a JSON object");
  body.emplace("apiVersion", api_version(resource));
  body.emplace("kind", resource.kind);
  auto& metadata = body["metadata"];
  if (metadata.is_null()) metadata = json::object();
  if (!metadata.is_object()) return fail(Kind::invalid, "metadata is not a JSON object");
  if (resource.namespaced) metadata["namespace"] = name.ns;
  if (!name.name.empty()) metadata["name"] = name.name;
  return Done{};
}

bool has_test(const json& patch) {
  return patch.is_array() && std::ranges::any_of(patch, [](const json& step) {
           return step.is_object() && step.contains("op") && step["op"] == "test";
         });
}

}  // namespace

Client::Client(net::Transport& transport, Clock& clock, TokenSource* tokens,
               std::string date_origin)
    : transport_(transport), clock_(clock), tokens_(tokens), date_origin_(std::move(date_origin)) {}

Task<Result<json>> Client::get(Resource resource, ObjectName name, Duration deadline) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  net::Request request{.target = resource_path(resource, name)};
  auto response = co_await call(std::move(request), deadline);
  if (!response) co_return fail(response.error());
  co_return parse_object(response->body);
}

Task<Result<json>> Client::create(Resource resource, std::string ns, json body,
                                  WriteOptions options) {
  const ObjectName name{.ns = ns, .name = {}};
  if (resource.namespaced != is_segment(ns)) {
    co_return fail(Kind::invalid,
                   fmt::format("\"{}\" is not a namespace for {}", ns, resource.plural));
  }
  if (auto completed = complete(body, resource, name); !completed) {
    co_return fail(completed.error());
  }
  co_return co_await write({"POST", "application/json"}, write_path(resource, name, options),
                           std::move(body), options);
}

Task<Result<json>> Client::merge_patch(Resource resource, ObjectName name, json patch,
                                       WriteOptions options) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  co_return co_await write({"PATCH", "application/merge-patch+json"},
                           write_path(resource, name, options), std::move(patch), options);
}

Task<Result<json>> Client::json_patch(Resource resource, ObjectName name, json patch,
                                      WriteOptions options) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  auto answer = co_await write({"PATCH", "application/json-patch+json"},
                               write_path(resource, name, options), patch, options);
  // A failed `test` has no reason of its own: the server says only that the patch did not apply.
  if (!answer && answer.error().status == 422 && has_test(patch) &&
      answer.error().message.starts_with("the server rejected our request due to an error")) {
    answer.error().kind = Kind::conflict;
  }
  co_return answer;
}

Task<Result<json>> Client::apply(Resource resource, ObjectName name, json body,
                                 WriteOptions options) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  if (auto completed = complete(body, resource, name); !completed) {
    co_return fail(completed.error());
  }
  co_return co_await write({"PATCH", "application/apply-patch+yaml"},
                           write_path(resource, name, options) + "&force=true", std::move(body),
                           options);
}

Task<Result<json>> Client::replace(Resource resource, ObjectName name, json body,
                                   Duration deadline) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  if (auto completed = complete(body, resource, name); !completed) {
    co_return fail(completed.error());
  }
  const WriteOptions options{.deadline = deadline};
  co_return co_await write({"PUT", "application/json"}, write_path(resource, name, options),
                           std::move(body), options);
}

Task<Result<Done>> Client::remove(Resource resource, ObjectName name, Preconditions preconditions) {
  if (auto checked = check_name(resource, name); !checked) co_return fail(checked.error());
  json body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!preconditions.uid.empty()) body["preconditions"]["uid"] = preconditions.uid;
  if (!preconditions.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = preconditions.resource_version;
  }
  auto text = to_text(body);
  if (!text) co_return fail(text.error());
  net::Request request{.method = "DELETE",
                       .target = resource_path(resource, name),
                       .headers = {{"Content-Type", "application/json"}},
                       .body = std::move(*text)};
  auto response = co_await call(std::move(request));
  if (!response) co_return fail(response.error());
  co_return Done{};
}

Task<Result<json>> Client::write(Form form, std::string target, json body, WriteOptions options) {
  auto text = to_text(body);
  if (!text) co_return fail(text.error());
  if (options.dry_run) target += "&dryRun=All";
  net::Request request{.method = form.method,
                       .target = std::move(target),
                       .headers = {{"Content-Type", form.content_type}},
                       .body = std::move(*text)};
  auto response = co_await call(std::move(request), options.deadline);
  if (!response) co_return fail(response.error());
  co_return parse_object(response->body);
}

}  // namespace portcullis::kube
