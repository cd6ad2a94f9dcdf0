#include "net/pool.hpp"

#include <algorithm>

#include "net/message.hpp"

namespace portcullis::net {
namespace {

using asio::ip::tcp;

/// A lookup cannot be cancelled: getaddrinfo blocks a thread of Asio's. So nobody waits for it
/// longer than he likes, and it is shared with the handler that comes when it comes.
struct Lookup {
  explicit Lookup(asio::io_context& io) : resolver(io), done(io) {}

  tcp::resolver resolver;
  Event done;
  boost::system::error_code error{};
  std::vector<tcp::endpoint> endpoints{};
};

}  // namespace

Pool::Pool(asio::io_context& io, Clock& clock, Origin origin, TransportOptions options,
           TlsContext context, std::string server_name)
    : io_(io),
      origin_(std::move(origin)),
      options_(std::move(options)),
      context_(std::move(context)),
      server_name_(std::move(server_name)),
      deadlines_(io, clock),
      free_turns_(std::max<std::size_t>(options_.max_connections, 1)) {}

std::shared_ptr<Connection> Pool::take() {
  while (!resting_.empty()) {
    auto connection = std::move(resting_.back().connection);
    resting_.pop_back();
    if (connection->looks_alive()) return connection;
  }
  return nullptr;
}

void Pool::give_back(std::shared_ptr<Connection> connection) {
  if (closed_ || !connection->is_open() || !connection->buffered().empty()) return;
  const auto place =
      resting_.insert(resting_.end(), Resting{.connection = std::move(connection), .expiry = {}});
  // Whoever takes a connection out takes its deadline back with it, so `place` is good when it
  // fires.
  place->expiry = deadlines_.in(options_.idle_timeout, [this, place] { resting_.erase(place); });
}

void Pool::close() {
  closed_ = true;
  for (Exchange* exchange : exchanges_) exchange->end(Error::Kind::cancelled);
  resting_.clear();
  deadlines_.close();
}

Exchange::Exchange(std::shared_ptr<Pool> pool)
    : pool_(std::move(pool)), place_(pool_->exchanges_.insert(pool_->exchanges_.end(), this)) {
  if (pool_->closed_) end(Error::Kind::cancelled);
}

Exchange::~Exchange() { pool_->exchanges_.erase(place_); }

void Exchange::end(Error::Kind why) {
  if (ended_) return;
  ended_ = why;
  if (connection_) connection_->close();
  if (pending_ != nullptr) pending_->set();
}

Deadlines::Guard Exchange::limit(Duration after) {
  limit_ = after;
  limited_until_ = pool_->deadlines_.now() + std::min<Duration>(after, std::chrono::years(1));
  return pool_->deadlines_.in(after, [this] { end(Error::Kind::timeout); });
}

Error Exchange::explain(std::string what, boost::system::error_code error) const {
  const std::string host = host_header(pool_->origin_);
  if (!ended_) {
    return {.kind = Error::Kind::unavailable,
            .message = std::move(what) + " " + host + ": " + error.message()};
  }
  if (*ended_ == Error::Kind::timeout) {
    return {.kind = *ended_,
            .message = "nothing from " + host + " within " + format_duration(limit_)};
  }
  return {.kind = *ended_, .message = "the connection with " + host + " was closed by us"};
}

Task<void> Exchange::wait(Event& event) {
  pending_ = &event;
  if (!ended_) co_await event.wait();
  pending_ = nullptr;
}

Task<Result<Exchange::Endpoints>> Exchange::resolve() {
  const Origin& origin = pool_->origin_;
  boost::system::error_code error;
  const auto address = asio::ip::make_address(origin.host, error);
  if (!error) co_return Endpoints{tcp::endpoint(address, origin.port)};

  const auto lookup = std::make_shared<Lookup>(pool_->io_);
  lookup->resolver.async_resolve(
      origin.host, std::to_string(origin.port), tcp::resolver::numeric_service,
      [lookup](boost::system::error_code failure, tcp::resolver::results_type results) {
        lookup->error = failure;
        for (const auto& result : results) lookup->endpoints.push_back(result.endpoint());
        lookup->done.set();
      });
  co_await wait(lookup->done);
  if (ended_ || lookup->error) co_return fail(explain("no address for", lookup->error));
  co_return lookup->endpoints;
}

Task<boost::system::error_code> Exchange::connect(Endpoints endpoints) {
  boost::system::error_code error = asio::error::host_not_found;
  for (std::size_t i = 0; i < endpoints.size() && !ended_; ++i) {
    const auto connection = std::make_shared<Connection>(pool_->io_);
    connection_ = connection;
    // A black hole behind the first address must leave time for the next.
    const auto left = std::max(limited_until_ - pool_->deadlines_.now(), Duration{0});
    const auto share = left / static_cast<int>(endpoints.size() - i);
    const auto guard = pool_->deadlines_.in(share, [connection] { connection->close(); });
    error = co_await connection->connect(endpoints[i]);
    if (!error) break;
  }
  co_return error;
}

Task<Result<Done>> Exchange::dial() {
  auto endpoints = co_await resolve();
  if (!endpoints) co_return fail(endpoints.error());
  const auto error = co_await connect(std::move(*endpoints));
  if (ended_ || error) co_return fail(explain("cannot connect to", error));
  if (pool_->context_ == nullptr) co_return Done{};
  // A variable of our own: the exchange may be given another connection, not this coroutine.
  const auto connection = connection_;
  auto shaken = co_await connection->shake_hands(pool_->context_, pool_->server_name_);
  if (ended_) co_return fail(explain("", {}));
  co_return shaken;
}

Task<void> Turn::take(Exchange& exchange) {
  if (exchange.has_ended()) co_return;
  if (pool_.free_turns_ > 0) {
    --pool_.free_turns_;
    taken_ = true;
    co_return;
  }
  struct Queued {
    explicit Queued(Pool& pool) : waiters(pool.waiters_), waiter(pool.io_) {
      waiters.push_back(&waiter);
    }
    ~Queued() { std::erase(waiters, &waiter); }
    std::deque<Pool::Waiter*>& waiters;
    Pool::Waiter waiter;
  } queued(pool_);
  co_await exchange.wait(queued.waiter.event);
  taken_ = queued.waiter.has_turn;
}

Turn::~Turn() {
  if (!taken_) return;
  if (pool_.waiters_.empty()) {
    ++pool_.free_turns_;
    return;
  }
  Pool::Waiter* next = pool_.waiters_.front();
  pool_.waiters_.pop_front();
  next->has_turn = true;
  next->event.set();
}

}  // namespace portcullis::net
