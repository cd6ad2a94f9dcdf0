#include "net/parser.hpp"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>

#include "base/asio.hpp"

namespace portcullis::net {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

/// A body that grows as it comes. Beast's own string body sets aside whatever length the other side
/// promises, before a byte of it has come.
struct GrowingBody {
  using value_type = std::string;

  class reader {
   public:
    template <bool is_request, class Fields>
    reader(http::header<is_request, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, error_code& error) { error = {}; }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      std::size_t size = 0;
      for (auto at = asio::buffer_sequence_begin(buffers); at != asio::buffer_sequence_end(buffers);
           ++at) {
        const asio::const_buffer piece(*at);
        body_.append(static_cast<const char*>(piece.data()), piece.size());
        size += piece.size();
      }
      return size;
    }

    void finish(error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

ParseFault::Kind kind_of(error_code error) {
  if (error == http::error::header_limit) return ParseFault::Kind::head_too_large;
  if (error == http::error::body_limit) return ParseFault::Kind::body_too_large;
  return ParseFault::Kind::malformed;
}

template <bool is_request>
class BeastParser final : public MessageParser {
 public:
  BeastParser(ParserLimits limits, bool no_body) {
    parser_.header_limit(static_cast<std::uint32_t>(limits.head));
    // Beast 1.74 takes "no limit" (boost::none) for a limit that every length exceeds.
    parser_.body_limit(limits.body.value_or(std::numeric_limits<std::size_t>::max()));
    parser_.skip(no_body);
  }

  std::size_t put(std::string_view bytes) override {
    std::size_t used = 0;
    while (!fault_ && !parser_.is_done() && used < bytes.size()) {
      error_code error;
      const std::size_t taken =
          parser_.put(asio::const_buffer(bytes.data() + used, bytes.size() - used), error);
      used += taken;
      if (error == http::error::need_more) break;
      if (error) return fail(error), used;
      // Eager only now: before the head is there, its user must see it (100-continue).
      if (parser_.is_header_done()) parser_.eager(true);
      if (taken == 0) break;
    }
    return used;
  }

  void put_end() override {
    if (fault_ || parser_.is_done()) return;
    error_code error;
    parser_.put_eof(error);
    if (error) fail(error);
  }

  const std::optional<ParseFault>& fault() const override { return fault_; }
  bool has_head() const override { return parser_.is_header_done(); }
  bool is_done() const override { return parser_.is_done(); }
  bool keeps_alive() const override { return parser_.keep_alive(); }

  bool expects_continue() const override {
    return parser_.get().version() == 11 &&
           boost::beast::iequals(parser_.get()[http::field::expect], "100-continue");
  }

  std::string take_body() override { return std::exchange(parser_.get().body(), {}); }

  Headers take_headers() override {
    Headers headers;
    for (const auto& field : parser_.get()) {
      headers.push_back(
          {.name = std::string(field.name_string()), .value = std::string(field.value())});
    }
    return headers;
  }

  RequestLine request_line() const override {
    if constexpr (is_request) {
      const auto& head = parser_.get();
      return {.method = std::string(head.method_string()),
              .target = std::string(head.target()),
              .version = head.version()};
    } else {
      return {};
    }
  }

  int status() const override {
    if constexpr (is_request) {
      return 0;
    } else {
      return static_cast<int>(parser_.get().result_int());
    }
  }

 private:
  void fail(error_code error) {
    fault_ = ParseFault{.kind = kind_of(error), .message = error.message()};
  }

  http::parser<is_request, GrowingBody> parser_;
  std::optional<ParseFault> fault_;
};

}  // namespace

std::unique_ptr<MessageParser> make_request_parser(ParserLimits limits) {
  return std::make_unique<BeastParser<true>>(limits, false);
}

std::unique_ptr<MessageParser> make_response_parser(ParserLimits limits, bool no_body) {
  return std::make_unique<BeastParser<false>>(limits, no_body);
}

}  // namespace portcullis::net
