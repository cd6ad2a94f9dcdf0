#pragma once

#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "net/beast_transport.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/event.hpp"

namespace portcullis::net {

class Exchange;

/// What the requests of one transport share: connections at rest, turns, deadlines.
class Pool {
 public:
  Pool(asio::io_context& io, Clock& clock, Origin origin, TransportOptions options,
       TlsContext context, std::string server_name);

  asio::io_context& io() { return io_; }
  const Origin& origin() const { return origin_; }
  const TransportOptions& options() const { return options_; }
  const TlsContext& context() const { return context_; }  ///< null: plain
  const std::string& server_name() const { return server_name_; }
  Deadlines& deadlines() { return deadlines_; }

  /// A connection at rest that still looks alive, the last used first; null if there is none.
  std::shared_ptr<Connection> take();
  void give_back(std::shared_ptr<Connection> connection);

  /// Ends everything with `cancelled` and lets go of all connections.
  void close();
  bool is_closed() const { return closed_; }

 private:
  friend class Exchange;
  friend class Turn;

  struct Resting {
    std::shared_ptr<Connection> connection;
    Deadlines::Guard expiry;
  };

  struct Waiter {
    explicit Waiter(asio::io_context& io) : event(io) {}
    Event event;
    bool has_turn = false;
  };

  asio::io_context& io_;
  const Origin origin_;
  const TransportOptions options_;
  const TlsContext context_;
  const std::string server_name_;
  Deadlines deadlines_;
  std::list<Resting> resting_;
  std::list<Exchange*> exchanges_;
  std::deque<Waiter*> waiters_;
  std::size_t free_turns_;
  bool closed_ = false;
};

/// One use of a connection from the wait for a turn to the end of the answer, and whatever may end
/// it from outside: a deadline, the caller, the transport's close.
class Exchange {
 public:
  explicit Exchange(std::shared_ptr<Pool> pool);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// The first reason counts. Whatever is pending ends with an error.
  void end(Error::Kind why);
  bool has_ended() const { return ended_.has_value(); }

  /// Ends this with `timeout` once `after` has passed. The guard goes before the exchange does.
  [[nodiscard]] Deadlines::Guard limit(Duration after);

  /// The reason it was ended; if it was not, `unavailable` with `what` and the error's own words.
  Error explain(std::string what, boost::system::error_code error) const;

  /// Connects and, where the origin says so, proves who is there.
  Task<Result<Done>> dial();

  /// Waits until `event` is set or this exchange is ended.
  Task<void> wait(Event& event);

  Pool& pool() { return *pool_; }
  const std::shared_ptr<Connection>& connection() const { return connection_; }
  void use(std::shared_ptr<Connection> connection) { connection_ = std::move(connection); }

 private:
  using Endpoints = std::vector<asio::ip::tcp::endpoint>;

  Task<Result<Endpoints>> resolve();
  Task<boost::system::error_code> connect(Endpoints endpoints);

  std::shared_ptr<Pool> pool_;
  std::list<Exchange*>::iterator place_;
  std::shared_ptr<Connection> connection_;
  Event* pending_ = nullptr;
  std::optional<Error::Kind> ended_;
  Duration limit_{0};
  BootTime limited_until_ = BootTime::max();
};

/// One of the pool's `max_connections`, first come, first served; given back by the destructor.
class Turn {
 public:
  explicit Turn(Pool& pool) : pool_(pool) {}
  ~Turn();
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  /// Returns with the turn, or without it when the exchange was ended.
  Task<void> take(Exchange& exchange);

 private:
  Pool& pool_;
  bool taken_ = false;
};

}  // namespace portcullis::net
