#include "net/server.hpp"

#include <list>
#include <utility>

#include "base/log.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/event.hpp"
#include "net/message.hpp"
#include "net/parser.hpp"

namespace portcullis::net {
namespace {

using asio::ip::tcp;

/// One connection. `idle` while no byte of a request has come.
struct Session {
  std::shared_ptr<Connection> connection;
  bool idle = false;
};

/// Shared by the server and its coroutines: they may outlive it by a turn of the loop.
struct State {
  State(asio::io_context& io_context, Clock& used_clock, ServerOptions used_options,
        Server::Handler used_handler)
      : io(io_context),
        clock(used_clock),
        options(std::move(used_options)),
        handler(std::move(used_handler)),
        deadlines(io_context, used_clock) {}

  asio::io_context& io;
  Clock& clock;
  ServerOptions options;
  Server::Handler handler;
  TlsContext tls{};  ///< null: plain
  Deadlines deadlines;
  std::list<Session*> sessions{};  ///< the longest idle first
  std::weak_ptr<tcp::acceptor> acceptor{};
  bool closed = false;
};

/// Keeps the session in the list while its coroutine lives.
class Registration {
 public:
  Registration(std::shared_ptr<State> state, Session& session)
      : state_(std::move(state)),
        place_(state_->sessions.insert(state_->sessions.end(), &session)) {}
  ~Registration() { state_->sessions.erase(place_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  void move_to_end() { state_->sessions.splice(state_->sessions.end(), state_->sessions, place_); }

 private:
  std::shared_ptr<State> state_;
  std::list<Session*>::iterator place_;
};

std::string print_date(TimePoint time) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     days[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

/// What RFC 9112 asks for and Beast leaves to us. An unclear end of a request is how requests are
/// smuggled past whoever stands before us, so only what is quite clear is taken.
std::optional<std::string> find_smuggling(const Request& request, unsigned version) {
  int hosts = 0;
  int encodings = 0;
  for (const Header& header : request.headers) {
    if (same_name(header.name, "Host")) ++hosts;
    if (!same_name(header.name, "Transfer-Encoding")) continue;
    ++encodings;
    if (!same_name(header.value, "chunked")) return "only the transfer encoding chunked is known";
  }
  if (encodings > 1) return "more than one Transfer-Encoding";
  if (version == 10 && encodings > 0) return "HTTP/1.0 knows no Transfer-Encoding";
  if (hosts > 1 || (version == 11 && hosts == 0)) return "exactly one Host is needed";
  return std::nullopt;
}

Response refusal(const ParseFault& fault) {
  using Kind = ParseFault::Kind;
  const int status = fault.kind == Kind::head_too_large   ? 431
                     : fault.kind == Kind::body_too_large ? 413
                                                          : 400;
  return {
      .status = status, .headers = {{"Content-Type", "text/plain"}}, .body = fault.message + "\n"};
}

/// Whether all of it went out in time.
Task<bool> write_answer(std::shared_ptr<State> state, std::shared_ptr<Connection> connection,
                        Response response, AnswerFrame frame) {
  if (const auto fault = find_fault(response.headers)) {
    log::error("answer withheld", {{"error", *fault}});
    response = {.status = 500, .headers = {}, .body = {}};
  }
  frame.date = print_date(state->clock.now());
  std::string bytes = print_head(response, frame);
  if (may_have_body(response.status) && !frame.to_head_request) bytes += response.body;
  const auto guard =
      state->deadlines.in(state->options.read_deadline, [connection] { connection->close(); });
  co_return !co_await connection->write(asio::buffer(bytes));
}

/// Says why and hangs up. What the client still sends is read and dropped for a while: a close with
/// unread bytes resets the connection, and the answer would be lost.
Task<void> refuse(std::shared_ptr<State> state, std::shared_ptr<Connection> connection,
                  Response response) {
  if (!co_await write_answer(state, connection, std::move(response), {.keep_alive = false})) {
    co_return;
  }
  connection->shut_writing();
  const auto guard =
      state->deadlines.in(std::chrono::seconds(1), [connection] { connection->close(); });
  for (std::size_t dropped = 0; dropped < (4u << 20);) {
    connection->consume(connection->buffered().size());
    if (co_await connection->fill()) break;
    dropped += connection->buffered().size();
  }
}

/// Answers 500 in the handler's place: a defect in one request must not end the server.
Task<Response> ask_handler(std::shared_ptr<State> state, Request request, Server::Peer peer) {
  std::string defect;
  try {
    co_return co_await state->handler(std::move(request), std::move(peer));
  } catch (const std::exception& failure) {
    defect = failure.what();
  } catch (...) {
    defect = "not a std::exception";
  }
  log::error("request handler failed", {{"error", defect}});
  co_return Response{.status = 500, .headers = {}, .body = {}};
}

struct Incoming {
  Request request{};
  bool keep_alive = false;
};

/// The next request; an answer to refuse it with; or status 0: there is nobody to answer.
Task<tl::expected<Incoming, Response>> read_request(std::shared_ptr<State> state,
                                                    std::shared_ptr<Connection> connection) {
  const auto hang_up = tl::unexpected<Response>(Response{});
  const auto parser =
      make_request_parser({.head = state->options.header_limit, .body = state->options.body_limit});
  bool invited = false;
  for (;;) {
    connection->consume(parser->put(connection->buffered()));
    if (const auto& fault = parser->fault()) co_return tl::unexpected(refusal(*fault));
    if (parser->is_done()) break;
    // Only a client that waits for it: one whose body is under way needs no invitation.
    if (parser->has_head() && !invited && connection->buffered().empty()) {
      invited = true;
      if (parser->expects_continue()) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        if (co_await connection->write(asio::buffer(go_on))) co_return hang_up;
      }
    }
    if (const auto error = co_await connection->fill()) {
      if (error != boost::system::errc::no_buffer_space) co_return hang_up;
      co_return tl::unexpected(
          refusal({.kind = ParseFault::Kind::head_too_large, .message = "head too large"}));
    }
  }
  const auto line = parser->request_line();
  Incoming incoming{.request = {.method = line.method,
                                .target = line.target,
                                .headers = parser->take_headers(),
                                .body = parser->take_body()},
                    .keep_alive = parser->keeps_alive()};
  if (const auto fault = find_smuggling(incoming.request, line.version)) {
    co_return tl::unexpected(refusal({.message = *fault}));
  }
  co_return incoming;
}

Task<void> converse(std::shared_ptr<State> state, Session& session, Registration& registration) {
  const auto connection = session.connection;
  const auto close = [connection] { connection->close(); };
  if (state->tls) {
    const auto guard = state->deadlines.in(state->options.read_deadline, close);
    if (co_await connection->welcome(state->tls)) co_return;
  }
  const Server::Peer peer{.address = connection->peer_address(), .name = connection->peer_name()};
  while (!state->closed) {
    if (connection->buffered().empty()) {
      session.idle = true;
      registration.move_to_end();
      const auto guard = state->deadlines.in(state->options.idle_timeout, close);
      const auto error = co_await connection->fill();
      session.idle = false;
      if (error) co_return;
    }
    auto guard = state->deadlines.in(state->options.read_deadline, close);
    auto incoming = co_await read_request(state, connection);
    guard.reset();
    if (!incoming) {
      if (incoming.error().status != 0) {
        co_await refuse(state, connection, std::move(incoming.error()));
      }
      co_return;
    }
    AnswerFrame frame{.keep_alive = incoming->keep_alive,
                      .to_head_request = incoming->request.method == "HEAD"};
    Response response = co_await ask_handler(state, std::move(incoming->request), peer);
    if (response.status == 0) co_return;
    if (const auto wish = response.header("Connection"); wish && same_name(*wish, "close")) {
      frame.keep_alive = false;
    }
    if (!co_await write_answer(state, connection, std::move(response), frame)) co_return;
    if (!frame.keep_alive) co_return;
  }
}

Task<void> serve(std::shared_ptr<State> state, std::shared_ptr<Connection> connection) {
  Session session{.connection = connection};
  Registration registration(state, session);
  co_await converse(state, session, registration);
  connection->close();
}

/// Whether there is room for one more.
bool make_room(State& state) {
  if (state.sessions.size() < state.options.max_connections) return true;
  for (Session* session : state.sessions) {
    if (!session->idle) continue;
    session->idle = false;
    session->connection->close();
    return true;
  }
  return false;
}

Task<void> accept(std::shared_ptr<State> state, std::shared_ptr<tcp::acceptor> acceptor) {
  while (!state->closed) {
    boost::system::error_code error;
    tcp::socket socket =
        co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (state->closed) break;
    if (!error) {
      if (make_room(*state)) {
        spawn(state->io, serve(state, std::make_shared<Connection>(state->io, std::move(socket))));
      }
      continue;
    }
    // A client that was gone before we looked costs nothing; without file descriptors, trying again
    // at once would spin.
    if (error == asio::error::connection_aborted) continue;
    log::warning("accept failed", {{"error", error.message()}});
    co_await state->clock.sleep_for(std::chrono::milliseconds(100));
  }
}

class BeastServer final : public Server {
 public:
  BeastServer(std::shared_ptr<State> state, std::uint16_t port)
      : state_(std::move(state)), port_(port) {}
  ~BeastServer() override { close(); }

  std::uint16_t port() const override { return port_; }

  void close() override {
    if (std::exchange(state_->closed, true)) return;
    boost::system::error_code ignored;
    if (const auto acceptor = state_->acceptor.lock()) acceptor->close(ignored);
    for (Session* session : state_->sessions) session->connection->close();
    state_->deadlines.close();
  }

 private:
  std::shared_ptr<State> state_;
  std::uint16_t port_;
};

}  // namespace

Result<std::unique_ptr<Server>> make_server(asio::io_context& io, Clock& clock,
                                            ServerOptions options, Server::Handler handler) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return fail(Error::Kind::invalid, options.address + " is no IP address");
  tcp::endpoint endpoint(address, options.port);
  auto state = std::make_shared<State>(io, clock, std::move(options), std::move(handler));
  if (!state->options.certificate_pem.empty()) {
    auto tls = make_server_context(state->options.certificate_pem, state->options.key_pem,
                                   state->options.client_ca_pem);
    if (!tls) return fail(tls.error());
    state->tls = std::move(*tls);
  }
  const auto acceptor = std::make_shared<tcp::acceptor>(io);
  acceptor->open(endpoint.protocol(), error);
  if (error == asio::error::address_family_not_supported && address.is_unspecified()) {
    endpoint = tcp::endpoint(tcp::v4(), endpoint.port());  // this kernel has no IPv6
    acceptor->open(endpoint.protocol(), error);
  } else if (!error && address.is_v6() && address.is_unspecified()) {
    acceptor->set_option(asio::ip::v6_only(false), error);
  }
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return fail(Error::Kind::unavailable,
                fmt::format("cannot listen on {} port {}: {}", address.to_string(), endpoint.port(),
                            error.message()));
  }
  state->acceptor = acceptor;
  const std::uint16_t port = acceptor->local_endpoint(error).port();
  spawn(io, accept(state, acceptor));
  return std::make_unique<BeastServer>(std::move(state), port);
}

}  // namespace portcullis::net
