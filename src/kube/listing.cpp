#include "kube/listing.hpp"

#include "kube/list_page.hpp"
#include "net/url.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

constexpr int most_pages = 10'000;

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
    auto read = read_list_page(answer->body, take);
    if (!read) co_return fail(read.error());
    if (read->next.empty()) co_return Done{};
    if (read->next == token) break;
    token = std::move(read->next);
  }
  co_return fail(Kind::malformed, "the pages of the list do not end");
}

}  // namespace portcullis::kube
