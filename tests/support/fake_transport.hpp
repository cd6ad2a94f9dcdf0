#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "net/http.hpp"

namespace portcullis::test {

/// A body whose pieces a test gives, before it is read or while somebody waits for them. When all
/// are read it hangs, unless it was ended or broken.
class ScriptedStream {
 public:
  int status = 200;
  net::Headers headers{};
  bool closed = false;  ///< by the reader
  int reads = 0;

  ScriptedStream& piece(std::string bytes) { return add(std::move(bytes)); }
  ScriptedStream& end() { return add(std::string()); }
  ScriptedStream& fail(Error error) { return add(std::move(error)); }

  bool drained() const { return pieces_.empty(); }

 private:
  friend class FakeTransport;
  using Piece = std::variant<std::string, Error>;

  ScriptedStream& add(Piece piece) {
    pieces_.push_back(std::move(piece));
    wake_.notify();
    return *this;
  }

  std::deque<Piece> pieces_;
  Wake wake_;
};

using ScriptedStreamPtr = std::shared_ptr<ScriptedStream>;

inline ScriptedStreamPtr make_stream(int status = 200) {
  auto stream = std::make_shared<ScriptedStream>();
  stream->status = status;
  return stream;
}

/// A server that exists as a script: `serve` and `serve_stream` answer if they are set, else the
/// queues do, in order; with nothing left the answer is `unavailable`. Every request is kept.
class FakeTransport final : public net::Transport {
 public:
  struct Sent {
    net::Request request;
    Duration deadline;
    bool streamed;
  };

  explicit FakeTransport(Clock& clock) : clock_(clock) {}

  std::vector<Sent> sent;
  std::deque<Result<net::Response>> answers;
  std::deque<Result<ScriptedStreamPtr>> streams;
  std::function<Result<net::Response>(const net::Request&)> serve;
  std::function<Result<ScriptedStreamPtr>(const net::Request&)> serve_stream;
  Duration latency{0};  ///< of every answer; beyond the deadline of a call it is `timeout`

  void answer(int status, std::string body, net::Headers headers = {}) {
    answers.push_back(
        net::Response{.status = status, .headers = std::move(headers), .body = std::move(body)});
  }

  ScriptedStreamPtr add_stream(int status = 200) {
    auto stream = make_stream(status);
    streams.push_back(stream);
    return stream;
  }

  const net::Request& last() const { return sent.back().request; }

  Task<Result<net::Response>> send(net::Request request, Duration deadline) override {
    sent.push_back({request, deadline, false});
    if (closed_) co_return closed();
    // The server acts when the request comes, not when its answer is waited for.
    Result<net::Response> answer = serve ? serve(request) : take(answers);
    if (auto late = co_await travel(deadline)) co_return net_fail(*late);
    co_return answer;
  }

  Task<Result<std::unique_ptr<net::BodyStream>>> stream(net::Request request,
                                                        Duration deadline) override {
    sent.push_back({request, deadline, true});
    if (closed_) co_return closed();
    Result<ScriptedStreamPtr> answer = serve_stream ? serve_stream(request) : take(streams);
    if (auto late = co_await travel(deadline)) co_return net_fail(*late);
    if (!answer) co_return net_fail(answer.error());
    open_.push_back(*answer);
    co_return std::make_unique<Stream>(clock_, *answer);
  }

  void close() override {
    closed_ = true;
    waiting_.notify();
    for (const auto& weak : open_) {
      if (const auto stream = weak.lock()) {
        stream->closed = true;
        stream->wake_.notify();
      }
    }
  }

 private:
  class Stream final : public net::BodyStream {
   public:
    Stream(Clock& clock, ScriptedStreamPtr script) : clock_(clock), script_(std::move(script)) {}
    ~Stream() override { script_->closed = true; }

    int status() const override { return script_->status; }
    const net::Headers& headers() const override { return script_->headers; }

    Task<Result<std::string>> read(Duration idle) override {
      const auto script = script_;
      ++script->reads;
      if (script->pieces_.empty() && !script->closed) {
        script->wake_.notified = false;
        co_await clock_.sleep_for(idle, &script->wake_);
      }
      if (script->closed) {
        co_return portcullis::fail(Error::Kind::cancelled, "the stream was closed");
      }
      if (script->pieces_.empty()) {
        co_return portcullis::fail(Error::Kind::timeout, "nothing came");
      }
      auto piece = std::move(script->pieces_.front());
      script->pieces_.pop_front();
      if (auto* error = std::get_if<Error>(&piece)) co_return portcullis::fail(*error);
      co_return std::get<std::string>(std::move(piece));
    }

    void close() override {
      script_->closed = true;
      script_->wake_.notify();
    }

   private:
    Clock& clock_;
    ScriptedStreamPtr script_;
  };

  static tl::unexpected<Error> net_fail(Error error) { return portcullis::fail(std::move(error)); }
  static tl::unexpected<Error> closed() {
    return portcullis::fail(Error::Kind::cancelled, "the transport was closed");
  }

  template <typename T>
  static Result<T> take(std::deque<Result<T>>& from) {
    if (from.empty()) return portcullis::fail(Error::Kind::unavailable, "connection refused");
    auto first = std::move(from.front());
    from.pop_front();
    return first;
  }

  Task<std::optional<Error>> travel(Duration deadline) {
    const Duration wait = std::min(latency, deadline);
    if (wait > Duration{0}) co_await clock_.sleep_for(wait, &waiting_);
    if (closed_) co_return closed().value();
    if (latency > deadline) {
      co_return Error{.kind = Error::Kind::timeout, .message = "the deadline passed"};
    }
    co_return std::nullopt;
  }

  Clock& clock_;
  bool closed_ = false;
  Wake waiting_;
  std::vector<std::weak_ptr<ScriptedStream>> open_;
};

}  // namespace portcullis::test
