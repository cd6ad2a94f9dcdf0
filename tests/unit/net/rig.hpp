#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/asio.hpp"
#include "base/system_clock.hpp"
#include "net/beast_transport.hpp"
#include "net/cpprest_transport.hpp"
#include "net/server.hpp"
#include "support/run_io.hpp"

namespace portcullis::net::test {

using asio::ip::tcp;
using portcullis::test::run;
using portcullis::test::run_until;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Socket = std::shared_ptr<tcp::socket>;

/// Sends what a test wants, byte for byte, which no well-behaved server would.
class RawServer {
 public:
  /// `number` counts connections from 0. The connection is closed when the script ends.
  using Script = std::function<Task<void>(Socket socket, int number)>;

  RawServer(asio::io_context& io, Script script) : state_(std::make_shared<State>()) {
    state_->script = std::move(script);
    auto acceptor =
        std::make_shared<tcp::acceptor>(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    port_ = acceptor->local_endpoint().port();
    asio::co_spawn(io, accept(state_, acceptor), asio::detached);
  }

  std::uint16_t port() const { return port_; }
  int connections() const { return state_->connections; }

 private:
  struct State {
    Script script;
    int connections = 0;
  };

  static Task<void> accept(std::shared_ptr<State> state, std::shared_ptr<tcp::acceptor> acceptor) {
    for (;;) {
      auto socket = std::make_shared<tcp::socket>(co_await asio::this_coro::executor);
      co_await acceptor->async_accept(*socket, asio::use_awaitable);
      asio::co_spawn(socket->get_executor(), serve(state, socket, state->connections++),
                     asio::detached);
    }
  }

  static Task<void> serve(std::shared_ptr<State> state, Socket socket, int number) {
    try {
      co_await state->script(socket, number);
    } catch (const std::exception&) {
      // The client hung up, which some scripts are for.
    }
    boost::system::error_code ignored;
    socket->close(ignored);
  }

  std::shared_ptr<State> state_;
  std::uint16_t port_ = 0;
};

/// Everything up to the end of one head.
inline Task<std::string> read_head(Socket socket) {
  std::string text;
  const std::size_t size = co_await asio::async_read_until(*socket, asio::dynamic_buffer(text),
                                                           "\r\n\r\n", asio::use_awaitable);
  text.resize(size);
  co_return text;
}

/// Everything until the other side hangs up.
inline Task<std::string> read_all(Socket socket) {
  std::string text;
  boost::system::error_code end;
  co_await asio::async_read(*socket, asio::dynamic_buffer(text),
                            asio::redirect_error(asio::use_awaitable, end));
  co_return text;
}

inline Task<void> say(Socket socket, std::string bytes) {
  co_await asio::async_write(*socket, asio::buffer(bytes), asio::use_awaitable);
}

/// Connects, says `bytes` and returns what comes until the server hangs up.
inline Task<std::string> ask_raw(std::uint16_t port, std::string bytes) {
  const auto socket = std::make_shared<tcp::socket>(co_await asio::this_coro::executor);
  co_await socket->async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  co_await say(socket, std::move(bytes));
  co_return co_await read_all(socket);
}

/// Takes requests and never answers.
inline RawServer::Script never() {
  return [](Socket socket, int) -> Task<void> { co_await read_all(socket); };
}

enum class Kind { beast, cpprest };

/// For tests that hold for every transport.
inline constexpr auto with_both = [] { return GENERATE(Kind::beast, Kind::cpprest); };

inline Result<std::unique_ptr<Transport>> make_transport(Kind kind, asio::io_context& io,
                                                         Clock& clock, Origin origin,
                                                         TlsOptions tls = {},
                                                         TransportOptions options = {}) {
  return kind == Kind::beast ? make_beast_transport(io, clock, origin, tls, options)
                             : make_cpprest_transport(io, clock, origin, tls, options);
}

/// What one test needs. The io_context goes first, as when an incarnation dies.
struct Rig {
  SystemClock clock;
  std::vector<Request> requests;   ///< that the server's handler saw
  std::vector<std::string> names;  ///< of the clients, by their certificates
  std::unique_ptr<Server> server;
  std::unique_ptr<Transport> transport;
  asio::io_context io;

  using Answer = std::function<Response(const Request&)>;

  void serve(Answer answer, ServerOptions options = {}) {
    auto made = make_server(io, clock, std::move(options),
                            [this, answer](Request request, Server::Peer peer) {
                              return handle(*this, answer, std::move(request), std::move(peer));
                            });
    if (!made) throw std::runtime_error(made.error().message);
    server = std::move(*made);
  }

  void connect(Kind kind, std::uint16_t port, TransportOptions options = {}) {
    connect(kind, Origin{.scheme = "http", .host = "127.0.0.1", .port = port}, {}, options);
  }

  void connect(Kind kind, Origin origin, TlsOptions tls, TransportOptions options = {}) {
    auto made = make_transport(kind, io, clock, std::move(origin), std::move(tls), options);
    if (!made) throw std::runtime_error(made.error().message);
    transport = std::move(*made);
  }

  Result<Response> send(Request request, Duration deadline = seconds(20)) {
    return run(io, transport->send(std::move(request), deadline));
  }

  Result<Response> get(std::string target) { return send({.target = std::move(target)}); }

 private:
  static Task<Response> handle(Rig& rig, Answer answer, Request request, Server::Peer peer) {
    rig.requests.push_back(request);
    rig.names.push_back(peer.name);
    co_return answer(request);
  }
};

}  // namespace portcullis::net::test
