#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/asio.hpp"
#include "base/result.hpp"
#include "net/shutdown_hook.hpp"
#include "net/tls.hpp"

namespace portcullis::net {

/// One TCP connection, plain or TLS, and the bytes read from it that nobody has used yet. Whoever
/// waits for one of its tasks holds a shared_ptr to it. One reader and one writer at a time.
class Connection {
 public:
  using ErrorCode = boost::system::error_code;

  explicit Connection(asio::io_context& io);
  Connection(asio::io_context& io, asio::ip::tcp::socket accepted);
  ~Connection();

  /// TCP with no delay and keep-alive probes (a peer that vanished is noticed in about a minute).
  Task<ErrorCode> connect(asio::ip::tcp::endpoint endpoint);

  /// TLS as the client, for `host`. Errors: `unavailable`, with code "CertificateRefused" if the
  /// server's certificate was not good.
  Task<Result<Done>> shake_hands(TlsContext context, std::string host);

  /// TLS as the server.
  Task<ErrorCode> welcome(TlsContext context);

  /// Reads once, appending to `buffered`. With a full buffer: `no_buffer_space`.
  Task<ErrorCode> fill();
  std::string_view buffered() const;
  void consume(std::size_t size);

  /// Writes all of it. The memory stays the caller's, who keeps it until the end.
  Task<ErrorCode> write(asio::const_buffer bytes);

  /// Tells the other side that nothing more comes; bytes may still be read.
  void shut_writing();

  /// Ends what is pending, with an error. May be called again.
  void close();
  bool is_open() const;

  /// Whether the other side has not hung up and nothing unexpected came, as far as the kernel
  /// knows. For a connection on which no answer is due.
  bool looks_alive() const;

  std::string peer_address() const;
  std::string peer_name() const;  ///< in its certificate; empty without one

 private:
  struct Stream;

  void tune();

  std::unique_ptr<Stream> stream_;  ///< null once the io_context is gone
  TlsContext context_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  ShutdownHook hook_;
};

}  // namespace portcullis::net
