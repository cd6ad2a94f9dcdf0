#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace portcullis::net {

/// Bounds answers from below, at the records of TLS, for a client that buffers heads and chunks
/// without bound (cpprest). What comes in counts from the last thing that we said, so one request
/// at a time on a connection (HTTP/1.1 without pipelining) has one answer's worth.
class AnswerMeter {
 public:
  /// `body_limit` and room for a head, chunk sizes and the records' own overhead.
  explicit AnswerMeter(std::size_t body_limit)
      : limit_(body_limit + body_limit / 4 + (std::size_t{256} << 10)) {}
  AnswerMeter(const AnswerMeter&) = delete;
  AnswerMeter& operator=(const AnswerMeter&) = delete;

  /// Counts on every connection made with `context` from now on; the meter outlives them. Past the
  /// limit a connection reads as broken off.
  void attach(SSL_CTX* context);

  /// How many connections were cut. Any thread.
  unsigned cuts() const { return cuts_; }

 private:
  static void count(int is_write, int version, int type, const void* bytes, std::size_t size,
                    SSL* session, void* meter);

  const std::uint64_t limit_;
  std::atomic<unsigned> cuts_ = 0;
};

}  // namespace portcullis::net
