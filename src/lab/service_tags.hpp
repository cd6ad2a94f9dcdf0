#pragma once

#include <string_view>

namespace portcullis::lab {

/// Whether ARM knows this service tag, with or without a region ("Storage.WestEurope"). Letter case
/// is ignored. A subnet's name, "any" or a typing error is none.
bool is_service_tag(std::string_view text);

}  // namespace portcullis::lab
