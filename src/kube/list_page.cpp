#include "kube/list_page.hpp"

#include "kube/watch_decoder.hpp"

namespace portcullis::kube {

using Kind = Error::Kind;

Result<ListPage> read_list_page(std::string& body,
                                const std::function<void(simdjson::dom::element)>& take) {
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
    for (const simdjson::dom::element item : array) take(item);
  }
  ListPage page{.version = std::string(head.resource_version), .next = {}};
  std::string_view token;
  if (root["metadata"]["continue"].get(token) == simdjson::SUCCESS) page.next = token;
  return page;
}

}  // namespace portcullis::kube
