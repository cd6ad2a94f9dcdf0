#pragma once

#include <cpprest/http_client.h>
#include <pplx/pplxtasks.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "base/clock.hpp"
#include "net/event.hpp"
#include "net/http.hpp"

namespace portcullis::net {

/// The way back from cpprest's threads to ours. Takes work until it is closed and drops it
/// afterwards; counts the calls under way, so that a transport can wait for them.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context& io) : io_(&io) {}

  void enter();

  /// Takes nothing more. Before the io_context dies, and on its thread.
  void close();

  /// Ends one call: hands `work` over, if there still is somebody to take it. Any thread.
  void leave(std::function<void()> work);

  /// Waits until no call is under way; a call that waits for a name server cannot be hurried.
  void drain(std::chrono::milliseconds at_most);

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  asio::io_context* io_;
  int calls_ = 0;
};

/// One request on its way through cpprest. Shared by the coroutine that waits for it (which alone
/// touches `result` and `done`) and by the chain of tasks that carries it out (all the rest).
struct CpprestCall {
  explicit CpprestCall(std::shared_ptr<Mailbox> used_mailbox) : mailbox(std::move(used_mailbox)) {}

  std::shared_ptr<Mailbox> mailbox;
  std::optional<Result<Response>> result{};
  Event* done = nullptr;  ///< of whoever waits; null if nobody does any more

  pplx::cancellation_token_source cancellation{};
  BootTime end = BootTime::max();  ///< of the boot clock; see `start_call`
  std::size_t body_limit = 0;
  std::string host{};            ///< for messages
  bool expects_no_body = false;  ///< the answer to HEAD
  Response response{};
  concurrency::streams::istream body{};
  std::vector<std::uint8_t> piece{};
};

Error too_large(const CpprestCall& call);

/// Cuts the call's connection. Like all that cpprest does it happens on its own, only thread:
/// Asio's sockets may not be closed on one thread while another goes on reading, and cpprest does
/// not see to that under TLS.
void cancel_call(const CpprestCall& call);

/// Sends the request. The result comes through the mailbox, once, whatever happens.
///
/// After its end nothing of it begins, and no body follows its head, whoever sees first that the
/// time is over: a process that was stopped meanwhile and goes on has cpprest's thread run before
/// any deadline of ours is noticed, and what it would send then was decided long ago. A request
/// without a body that was stopped while it connected is sent all the same.
void start_call(const std::shared_ptr<CpprestCall>& call,
                const web::http::client::http_client& client, web::http::http_request request);

}  // namespace portcullis::net
