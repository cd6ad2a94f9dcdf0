#include "kube/listing.hpp"

#include "kube/watch_decoder.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

constexpr int most_pages = 10'000;

/// The token of the next page; empty after the last.
Result<std::string> take_page(std::string& body,
                              const std::function<void(simdjson::dom::element)>& take) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  auto parser = make_bounded_parser();
  simdjson::dom::element root;
  if (parser.parse(body.data(), body.size(), false).get(root) != simdjson::SUCCESS ||
      !head_of(root).kind.ends_with("List")) {
    return fail(Kind::malformed, "the answer is not a list");
  }
  simdjson::dom::element items;
  simdjson::dom::array array;
  if (root["items"].get(items) != simdjson::SUCCESS ||
      (!items.is_null() && items.get(array) != simdjson::SUCCESS)) {
    return fail(Kind::malformed, "the list has no items");
  }
  if (!items.is_null()) {
    for (const simdjson::dom::element item : array) take(item);
  }
  std::string_view token;
  if (root["metadata"]["continue"].get(token) != simdjson::SUCCESS) return std::string();
  return std::string(token);
}

}  // namespace

Task<Result<Done>> list_objects(Client& client, Resource resource,
                                std::function<void(simdjson::dom::element)> take) {
  const std::string path = resource_path(resource, {.name = {}}) + "?limit=500";
  std::string token;
  for (int page = 0; page < most_pages; ++page) {
    net::Request request{.target = path};
    if (!token.empty()) request.target += "&continue=" + net::encode_component(token);
    auto answer = co_await client.call(std::move(request));
    if (!answer) co_return fail(answer.error());
    auto next = take_page(answer->body, take);
    if (!next) co_return fail(next.error());
    if (next->empty()) co_return Done{};
    if (*next == token) break;
    token = std::move(*next);
  }
  co_return fail(Kind::malformed, "the pages of the list do not end");
}

}  // namespace portcullis::kube
