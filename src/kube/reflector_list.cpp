// The paged list, for servers without streaming lists.

#include <fmt/format.h>

#include "base/log.hpp"
#include "kube/reflector.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

constexpr Duration page_deadline = std::chrono::seconds(60);
constexpr Duration guard = std::chrono::seconds(10);
constexpr int most_objects = 5'000'000;
constexpr int most_restarts = 3;

}  // namespace

Task<void> Reflector::list_pages() {
  sink_.begin_replace();
  auto version = co_await read_pages();
  if (version) {
    synced(std::move(*version));
    co_return;
  }
  sink_.abort_replace();
  if (stop_.requested()) co_return;
  note_failure("List failed", version.error());
  phase_ = stream_list_refused_ ? Phase::page_list : Phase::stream_list;
  co_await pause(&version.error());
}

/// The version of the list, whose items are then in the sink. Always in pages: the whole in one
/// piece could be larger than any answer may be.
Task<Result<std::string>> Reflector::read_pages() {
  const std::string path = resource_path(resource_, {.name = {}});
  std::string version;
  std::string token;
  int restarts = 0;
  for (int page = 0; page < most_objects / page_limit_; ++page) {
    net::Request request{.target = path + fmt::format("?limit={}", page_limit_)};
    if (!token.empty()) request.target += "&continue=" + net::encode_component(token);
    auto response = co_await stop_.wait_for(client_.clock(), page_deadline + guard,
                                            client_.call(std::move(request), page_deadline));
    if (!response && shall_begin_again(response.error(), restarts)) {
      // A token goes with its limit, and the snapshot of the earlier pages may be gone.
      page = -1;
      token.clear();
      version.clear();
      sink_.abort_replace();
      sink_.begin_replace();
      continue;
    }
    if (!response) co_return fail(response.error());
    auto next = put_page(response->body, version);
    if (!next) co_return fail(next.error());
    if (next->empty()) co_return version;
    if (*next == token) break;
    token = std::move(*next);
  }
  co_return fail(Kind::malformed, "the pages of the list do not end");
}

/// Smaller pages where one was too large, from then on; the same again where a snapshot was gone.
bool Reflector::shall_begin_again(const Error& error, int& restarts) {
  if (error.code == "BodyTooLarge" && page_limit_ > 1) {
    page_limit_ /= 2;
    log::warning("A page of the list is too large; asking for smaller ones",
                 {{"resource", resource_.plural}, {"limit", page_limit_}});
    return true;
  }
  return error.kind == Kind::expired && restarts++ < most_restarts;
}

/// Puts the items of a page into the sink; sets `version` from the first page. Returns the token of
/// the next page, empty after the last.
Result<std::string> Reflector::put_page(std::string& body, std::string& version) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  auto parser = make_bounded_parser();
  simdjson::dom::element root;
  if (const auto error = parser.parse(body.data(), body.size(), false).get(root)) {
    return fail(Kind::malformed,
                std::string("the list is not JSON: ") + simdjson::error_message(error));
  }
  const ObjectHead head = head_of(root);
  if (!head.kind.ends_with("List") || head.resource_version.empty() ||
      head.resource_version == "0") {
    return fail(Kind::malformed, "the answer is not a list with a resourceVersion");
  }
  simdjson::dom::element items;
  simdjson::dom::array array;
  if (root["items"].get(items) != simdjson::SUCCESS ||
      (!items.is_null() && items.get(array) != simdjson::SUCCESS)) {
    return fail(Kind::malformed, "the list has no items");
  }
  if (!items.is_null()) {
    for (const simdjson::dom::element item : array) {
      const ObjectHead item_head = head_of(item);
      if (is_ours(item_head, true) && is_named(item_head)) sink_.put(item);
    }
  }
  if (version.empty()) version = head.resource_version;
  std::string_view token;
  if (root["metadata"]["continue"].get(token) != simdjson::SUCCESS) return std::string();
  return std::string(token);
}

}  // namespace portcullis::kube
