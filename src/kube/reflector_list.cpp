// The paged list, for servers without streaming lists.

#include <fmt/format.h>

#include "base/log.hpp"
#include "kube/list_page.hpp"
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
    auto read = read_list_page(response->body, [this](simdjson::dom::element item) {
      const ObjectHead head = head_of(item);
      if (is_ours(head, true) && is_named(head)) sink_.put(item);
    });
    if (!read) co_return fail(read.error());
    if (version.empty()) version = std::move(read->version);
    if (read->next.empty()) co_return version;
    if (read->next == token) break;
    token = std::move(read->next);
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

}  // namespace portcullis::kube
