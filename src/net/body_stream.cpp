#include "net/body_stream.hpp"

#include <utility>

#include "net/message.hpp"

namespace portcullis::net {
namespace {

/// Shared with a pending read, which may see the stream destroyed.
struct State {
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<MessageParser> parser;
  int status = 0;
  Headers headers{};
  std::optional<Error> failed{};
};

Result<std::string> give_up(State& state, Error error) {
  state.exchange->end(error.kind);
  state.failed = std::move(error);
  return fail(*state.failed);
}

Task<Result<std::string>> read_piece(std::shared_ptr<State> state, Duration idle) {
  Exchange& exchange = *state->exchange;
  MessageParser& parser = *state->parser;
  const auto connection = exchange.connection();
  if (state->failed) co_return fail(*state->failed);
  for (;;) {
    if (exchange.has_ended()) co_return give_up(*state, exchange.explain("", {}));
    // What came together with the head, or with the piece before.
    if (auto piece = parser.take_body(); !piece.empty()) co_return piece;
    if (const auto& fault = parser.fault()) {
      co_return give_up(*state, {.kind = Error::Kind::malformed,
                                 .message = "body from " + host_header(exchange.pool().origin()) +
                                            ": " + fault->message});
    }
    if (parser.is_done()) {
      connection->close();
      co_return std::string();
    }
    const auto guard = exchange.limit(idle);
    const auto error = co_await connection->fill();
    if (exchange.has_ended()) co_return give_up(*state, exchange.explain("", {}));
    if (error == asio::error::eof) {
      parser.put_end();
      if (parser.is_done()) continue;
    }
    if (error) {
      co_return give_up(*state, exchange.explain("the answer broke off, from", error));
    }
    connection->consume(parser.put(connection->buffered()));
  }
}

class ConnectionBodyStream final : public BodyStream {
 public:
  explicit ConnectionBodyStream(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~ConnectionBodyStream() override { close(); }

  int status() const override { return state_->status; }
  const Headers& headers() const override { return state_->headers; }
  Task<Result<std::string>> read(Duration idle) override { return read_piece(state_, idle); }
  void close() override { state_->exchange->end(Error::Kind::cancelled); }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<BodyStream> make_body_stream(std::unique_ptr<Exchange> exchange,
                                             std::unique_ptr<MessageParser> parser) {
  auto state = std::make_shared<State>();
  state->status = parser->status();
  state->headers = parser->take_headers();
  state->exchange = std::move(exchange);
  state->parser = std::move(parser);
  return std::make_unique<ConnectionBodyStream>(std::move(state));
}

}  // namespace portcullis::net
