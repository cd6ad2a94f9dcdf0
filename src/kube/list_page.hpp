#pragma once

#include <simdjson.h>

#include <functional>
#include <string>

#include "base/result.hpp"

namespace portcullis::kube {

/// What stands around the items of one page of a list.
struct ListPage {
  std::string version;  ///< of the whole list; never empty
  std::string next;     ///< token of the next page; empty after the last
};

/// `take` sees each item, valid only during its call; none if the page is `malformed`. `body` gets
/// room for the parser behind its text.
Result<ListPage> read_list_page(std::string& body,
                                const std::function<void(simdjson::dom::element)>& take);

}  // namespace portcullis::kube
