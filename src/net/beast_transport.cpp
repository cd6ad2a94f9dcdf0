#include "net/beast_transport.hpp"

#include <utility>

#include "net/body_stream.hpp"
#include "net/message.hpp"
#include "net/parser.hpp"
#include "net/pool.hpp"

namespace portcullis::net {
namespace {

Error malformed(const Pool& pool, std::string what) {
  return {.kind = Error::Kind::malformed,
          .message = "answer of " + host_header(pool.origin()) + ": " + std::move(what)};
}

/// Whether the connection proved dead before a byte of the answer came.
struct Failure {
  Error error;
  bool before_answer = false;
};

/// Sends the request; a failure is told by the read that follows, since a server may refuse a body
/// (413) and hang up before it has read it all. The request stays with the coroutine that awaits
/// us.
Task<boost::system::error_code> write_request(Exchange& exchange, const Request& request) {
  const Pool& pool = exchange.pool();
  std::string bytes = print_head(request, pool.origin(), pool.options().user_agent);
  bytes += request.body;
  const auto connection = exchange.connection();
  co_return co_await connection->write(asio::buffer(bytes));
}

/// Reads until the parser has the head, or all; answers of the 1xx kind are skipped.
Task<tl::expected<std::unique_ptr<MessageParser>, Failure>> read_answer(Exchange& exchange,
                                                                        ParserLimits limits,
                                                                        bool no_body,
                                                                        bool head_only) {
  const Pool& pool = exchange.pool();
  const auto connection = exchange.connection();
  const auto broken = [](Error error) {
    return tl::unexpected(Failure{.error = std::move(error), .before_answer = false});
  };
  auto parser = make_response_parser(limits, no_body);
  bool has_begun = false;
  for (;;) {
    connection->consume(parser->put(connection->buffered()));
    // A body that goes wrong after a good head is the stream's to tell, after what came before.
    if (head_only && parser->has_head() && parser->status() >= 200) co_return parser;
    if (const auto& fault = parser->fault()) {
      Error error = malformed(pool, fault->message);
      if (fault->kind == ParseFault::Kind::body_too_large) error.code = "BodyTooLarge";
      co_return broken(std::move(error));
    }
    if (parser->has_head() && parser->status() < 200) {
      if (parser->status() == 101) co_return broken(malformed(pool, "a protocol not asked for"));
      parser = make_response_parser(limits, no_body);
      if (!connection->buffered().empty()) continue;
    } else if (parser->is_done()) {
      co_return parser;
    }
    const auto error = co_await connection->fill();
    if (error == boost::system::errc::no_buffer_space) {
      co_return broken(malformed(pool, "head too large"));
    }
    if (error == asio::error::eof && has_begun && !exchange.has_ended()) {
      parser->put_end();
      if (parser->is_done()) co_return parser;
    }
    if (error) {
      co_return tl::unexpected(Failure{.error = exchange.explain("no whole answer from", error),
                                       .before_answer = !has_begun && !exchange.has_ended()});
    }
    has_begun = true;
  }
}

Task<tl::expected<Response, Failure>> attempt(Exchange& exchange, const Request& request) {
  const auto wrote = co_await write_request(exchange, request);
  auto parser = co_await read_answer(exchange, {.body = exchange.pool().options().body_limit},
                                     request.method == "HEAD", false);
  if (!parser) co_return tl::unexpected(std::move(parser.error()));
  if (!wrote && (*parser)->keeps_alive()) exchange.pool().give_back(exchange.connection());
  co_return Response{.status = (*parser)->status(),
                     .headers = (*parser)->take_headers(),
                     .body = (*parser)->take_body()};
}

Task<Result<Response>> send_request(std::shared_ptr<Pool> pool, Request request,
                                    Duration deadline) {
  if (const auto fault = find_fault(request)) co_return fail(Error::Kind::invalid, *fault);
  Exchange exchange(pool);
  const auto guard = exchange.limit(deadline);
  Turn turn(*pool);
  co_await turn.take(exchange);
  if (exchange.has_ended()) co_return fail(exchange.explain("", {}));

  if (auto resting = pool->take()) {
    exchange.use(std::move(resting));
    auto answer = co_await attempt(exchange, request);
    if (answer) co_return std::move(*answer);
    // The server may have hung up while we wrote. Only what changes nothing is asked again: of any
    // other request nobody knows whether it was carried out.
    if (!answer.error().before_answer || request.method != "GET") {
      co_return fail(std::move(answer.error().error));
    }
  }
  const auto dialled = co_await exchange.dial();
  if (!dialled) co_return fail(dialled.error());
  auto answer = co_await attempt(exchange, request);
  if (!answer) co_return fail(std::move(answer.error().error));
  co_return std::move(*answer);
}

Task<Result<std::unique_ptr<BodyStream>>> open_stream(std::shared_ptr<Pool> pool, Request request,
                                                      Duration deadline) {
  if (const auto fault = find_fault(request)) co_return fail(Error::Kind::invalid, *fault);
  auto exchange = std::make_unique<Exchange>(pool);
  auto guard = exchange->limit(deadline);
  const auto dialled = co_await exchange->dial();
  if (!dialled) co_return fail(dialled.error());
  co_await write_request(*exchange, request);
  auto parser = co_await read_answer(*exchange, {}, request.method == "HEAD", true);
  if (!parser) co_return fail(std::move(parser.error().error));
  if (exchange->has_ended()) co_return fail(exchange->explain("", {}));
  guard.reset();
  co_return make_body_stream(std::move(exchange), std::move(*parser));
}

/// Hands out coroutines that share the pool, so that none of them needs the transport to live.
class BeastTransport final : public Transport {
 public:
  explicit BeastTransport(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}
  ~BeastTransport() override { pool_->close(); }

  Task<Result<Response>> send(Request request, Duration deadline) override {
    return send_request(pool_, std::move(request), deadline);
  }

  Task<Result<std::unique_ptr<BodyStream>>> stream(Request request, Duration deadline) override {
    return open_stream(pool_, std::move(request), deadline);
  }

  void close() override { pool_->close(); }

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace

Result<std::unique_ptr<Transport>> make_beast_transport(asio::io_context& io, Clock& clock,
                                                        Origin origin, TlsOptions tls,
                                                        TransportOptions options) {
  TlsContext context;
  if (origin.scheme == "https") {
    auto made = make_client_context(tls.ca_pem, tls.certificate_pem, tls.key_pem);
    if (!made) return fail(made.error());
    context = std::move(*made);
  }
  const std::string name = tls.server_name.empty() ? origin.host : tls.server_name;
  return std::make_unique<BeastTransport>(std::make_shared<Pool>(
      io, clock, std::move(origin), std::move(options), std::move(context), name));
}

}  // namespace portcullis::net
