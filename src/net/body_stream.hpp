#pragma once

#include <memory>

#include "net/http.hpp"
#include "net/parser.hpp"
#include "net/pool.hpp"

namespace portcullis::net {

/// The body of an answer whose head `parser` has, on the exchange's connection. A piece is what one
/// read of the socket brought (up to 64 KiB), chunk borders gone. After an error the connection is
/// closed and every `read` says the same again; after the clean end, every `read` is empty.
std::unique_ptr<BodyStream> make_body_stream(std::unique_ptr<Exchange> exchange,
                                             std::unique_ptr<MessageParser> parser);

}  // namespace portcullis::net
