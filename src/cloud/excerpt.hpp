#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace portcullis::cloud {

/// A server's text made fit for a message: one line of printable ASCII, at most `limit` characters
/// ("…" behind a cut one is written "..."). Servers and proxies echo what they were sent: every
/// occurrence of a `hidden` secret, plain or percent-encoded, and whatever looks like a JSON web
/// token becomes "[hidden]".
std::string excerpt(std::string_view text, std::size_t limit,
                    std::initializer_list<const Secret*> hidden = {});

}  // namespace portcullis::cloud
