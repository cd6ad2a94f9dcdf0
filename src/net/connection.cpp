#include "net/connection.hpp"

#include <poll.h>

#include <boost/asio/ssl/stream.hpp>
#include <cstring>
#include <optional>

namespace portcullis::net {
namespace {

using asio::ip::tcp;

/// Room for a watch's events per read: with little free space Beast and the kernel work in
/// spoonfuls, and an event costs twelve times the CPU. Limits heads, too.
constexpr std::size_t buffer_size = 64u << 10;

auto into(boost::system::error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

}  // namespace

struct Connection::Stream {
  explicit Stream(tcp::socket made) : socket(std::move(made)) {}

  tcp::socket socket;
  std::optional<asio::ssl::stream<tcp::socket&>> tls{};
};

Connection::Connection(asio::io_context& io) : Connection(io, tcp::socket(io)) {}

Connection::Connection(asio::io_context& io, tcp::socket accepted)
    : stream_(std::make_unique<Stream>(std::move(accepted))),
      hook_(io, [this] { stream_.reset(); }) {
  if (stream_->socket.is_open()) tune();
}

Connection::~Connection() = default;

void Connection::tune() {
  // Best effort: a connection without these works, and a dead one fails at its first use.
  ErrorCode ignored;
  stream_->socket.set_option(tcp::no_delay(true), ignored);
  stream_->socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  stream_->socket.set_option(Idle(30), ignored);
  stream_->socket.set_option(Interval(10), ignored);
  stream_->socket.set_option(Count(3), ignored);
}

Task<Connection::ErrorCode> Connection::connect(tcp::endpoint endpoint) {
  ErrorCode error;
  co_await stream_->socket.async_connect(endpoint, into(error));
  if (!error) tune();
  co_return error;
}

Task<Result<Done>> Connection::shake_hands(TlsContext context, std::string host) {
  context_ = std::move(context);
  stream_->tls.emplace(stream_->socket, *context_);
  SSL* session = stream_->tls->native_handle();
  if (const auto expected = expect_host(session, host); !expected) co_return expected;
  ErrorCode error;
  co_await stream_->tls->async_handshake(asio::ssl::stream_base::client, into(error));
  if (!error) co_return Done{};
  const std::string refusal = refusal_of(session);
  if (refusal.empty()) {
    co_return fail(Error::Kind::unavailable, "TLS with " + host + ": " + error.message());
  }
  co_return fail(Error{.kind = Error::Kind::unavailable,
                       .message = "the certificate of " + host + " was refused: " + refusal,
                       .code = "CertificateRefused"});
}

Task<Connection::ErrorCode> Connection::welcome(TlsContext context) {
  context_ = std::move(context);
  stream_->tls.emplace(stream_->socket, *context_);
  ErrorCode error;
  co_await stream_->tls->async_handshake(asio::ssl::stream_base::server, into(error));
  co_return error;
}

Task<Connection::ErrorCode> Connection::fill() {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<char[]>(buffer_size);
  if (begin_ > 0 && end_ == buffer_size) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_size) co_return make_error_code(boost::system::errc::no_buffer_space);
  const asio::mutable_buffer room(buffer_.get() + end_, buffer_size - end_);
  ErrorCode error;
  end_ += stream_->tls ? co_await stream_->tls->async_read_some(room, into(error))
                       : co_await stream_->socket.async_read_some(room, into(error));
  co_return error;
}

std::string_view Connection::buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }

void Connection::consume(std::size_t size) {
  begin_ += size;
  if (begin_ == end_) begin_ = end_ = 0;
}

Task<Connection::ErrorCode> Connection::write(asio::const_buffer bytes) {
  ErrorCode error;
  if (stream_->tls) {
    co_await asio::async_write(*stream_->tls, bytes, into(error));
  } else {
    co_await asio::async_write(stream_->socket, bytes, into(error));
  }
  co_return error;
}

void Connection::shut_writing() {
  if (stream_ == nullptr) return;
  ErrorCode ignored;  // the other side may be gone already
  stream_->socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Connection::close() {
  if (stream_ == nullptr) return;
  ErrorCode ignored;  // closed is closed
  stream_->socket.close(ignored);
}

bool Connection::is_open() const { return stream_ != nullptr && stream_->socket.is_open(); }

bool Connection::looks_alive() const {
  if (!is_open() || begin_ != end_) return false;
  pollfd state{.fd = stream_->socket.native_handle(), .events = POLLIN | POLLRDHUP, .revents = 0};
  if (poll(&state, 1, 0) <= 0) return true;
  if ((state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return false;
  // TLS 1.3 servers send session tickets when they like; bytes on a plain connection are a fault.
  return stream_->tls.has_value();
}

std::string Connection::peer_address() const {
  if (stream_ == nullptr) return "";
  ErrorCode error;
  const auto endpoint = stream_->socket.remote_endpoint(error);
  return error ? "" : endpoint.address().to_string();
}

std::string Connection::peer_name() const {
  if (stream_ == nullptr || !stream_->tls) return "";
  // native_handle of a const stream is not offered; nothing is changed through it.
  return peer_common_name(stream_->tls->native_handle());
}

}  // namespace portcullis::net
