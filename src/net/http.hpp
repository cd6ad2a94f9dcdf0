#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.hpp"
#include "base/result.hpp"

namespace portcullis::net {

struct Header {
  std::string name;
  std::string value;

  bool operator==(const Header&) const = default;
};

using Headers = std::vector<Header>;

/// The first header of that name, letter case ignored; nothing if there is none.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string target;  ///< path and query as they go on the wire, already percent-encoded
  Headers headers{};   ///< Host, Content-Length and Connection are the transport's
  std::string body{};
};

struct Response {
  int status = 0;
  Headers headers{};
  std::string body{};

  std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
};

/// The body of an answer, piece by piece, in order. Destroying it closes the connection.
class BodyStream {
 public:
  virtual ~BodyStream() = default;

  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;

  /// The next bytes, as they come; an empty string at the clean end. `timeout` when nothing came
  /// for `idle`; `cancelled` after `close`; `unavailable` when it broke off. An error ends the
  /// stream: every later read says the same. Never buffers more than one piece (backpressure).
  virtual Task<Result<std::string>> read(Duration idle) = 0;

  /// Ends a pending `read` with `cancelled`. May be called more than once.
  virtual void close() = 0;
};

/// HTTP/1.1 with one server: an origin (scheme, host, port), its trust and its client certificate
/// are given to the constructor, so no request can reach another host. No redirects are followed.
/// A status of any number is a Response, not an Error; an Error means that no answer came
/// (`unavailable`, `timeout`, `cancelled`) or that it broke the limits (`malformed`).
class Transport {
 public:
  virtual ~Transport() = default;

  /// `deadline` bounds the whole exchange, connecting included. After `timeout` or `unavailable`
  /// the server may have acted. A request is sent again by itself only if it is a GET and the
  /// pooled connection turned out dead before a byte of the answer.
  virtual Task<Result<Response>> send(Request request, Duration deadline) = 0;

  /// Returns when the head of the answer is there; `deadline` bounds that much. On a connection of
  /// its own.
  virtual Task<Result<std::unique_ptr<BodyStream>>> stream(Request request, Duration deadline) = 0;

  /// Ends everything in flight with `cancelled`, refuses what comes later. May be called again.
  virtual void close() = 0;
};

}  // namespace portcullis::net
