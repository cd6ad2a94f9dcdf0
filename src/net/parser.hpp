#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace portcullis::net {

/// Why bytes are not an HTTP/1.1 message we take.
struct ParseFault {
  enum class Kind { malformed, head_too_large, body_too_large };

  Kind kind = Kind::malformed;
  std::string message;
};

struct ParserLimits {
  std::size_t head = 64u << 10;
  std::optional<std::size_t> body{};  ///< unset: none, for streams
};

/// Reads one message from bytes as they come; what belongs to the next message is left alone.
/// Boost.Beast does the parsing, and only parser.cpp sees it: it takes 17 s to compile.
class MessageParser {
 public:
  virtual ~MessageParser() = default;

  /// Takes bytes from the front and returns how many. Fewer than given: the message is complete, or
  /// the rest makes sense only together with more.
  virtual std::size_t put(std::string_view bytes) = 0;

  /// The connection has ended: right for a body without a length, a fault for any other.
  virtual void put_end() = 0;

  virtual const std::optional<ParseFault>& fault() const = 0;
  virtual bool has_head() const = 0;
  virtual bool is_done() const = 0;
  virtual bool keeps_alive() const = 0;       ///< after the head
  virtual bool expects_continue() const = 0;  ///< after the head: the client waits for a 100

  /// What has come of the body since the last call.
  virtual std::string take_body() = 0;
  virtual Headers take_headers() = 0;

  struct RequestLine {
    std::string method;
    std::string target;
    unsigned version = 0;  ///< 10 or 11
  };

  virtual RequestLine request_line() const = 0;
  virtual int status() const = 0;
};

std::unique_ptr<MessageParser> make_request_parser(ParserLimits limits);

/// `no_body` for the answer to HEAD.
std::unique_ptr<MessageParser> make_response_parser(ParserLimits limits, bool no_body);

}  // namespace portcullis::net
