#include "net/cpprest_call.hpp"

#include <charconv>
#include <exception>
#include <functional>
#include <stdexcept>

#include "base/system_clock.hpp"
#include "net/message.hpp"

namespace portcullis::net {
namespace {

using Call = std::shared_ptr<CpprestCall>;

constexpr std::size_t piece_size = 64u << 10;

void finish(const Call& call, Result<Response> result) {
  call->mailbox->leave([call, result = std::move(result)]() mutable {
    call->result = std::move(result);
    if (call->done != nullptr) call->done->set();
  });
}

/// For `catch (...)`: the words of what was thrown.
std::string current_words() {
  try {
    throw;
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return "an error without words";
  }
}

void finish_unavailable(const Call& call, const std::string& words) {
  finish(call, fail(Error::Kind::unavailable, "no whole answer from " + call->host + ": " + words));
}

void finish_too_large(const Call& call) {
  cancel_call(*call);  // the rest need not come
  finish(call, fail(too_large(*call)));
}

std::optional<std::uint64_t> promised_size(const CpprestCall& call) {
  const auto text = call.response.header("Content-Length");
  if (!text || call.expects_no_body || !may_have_body(call.response.status)) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), size);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return size;
}

void finish_whole(const Call& call) {
  const auto promised = promised_size(*call);
  if (promised && call->response.body.size() < *promised) {
    return finish_unavailable(call, "it broke off");
  }
  finish(call, std::move(call->response));
}

/// Past the limit the connection is cut. cpprest hands out a chunk only when it has all of it, and
/// a body as fast as the network brings it, whether we read or not: AnswerMeter bounds those. A
/// chain of its own for each piece: nested ones grow with the body.
void read_more(const Call& call) {
  call->body.streambuf().getn(call->piece.data(), piece_size).then([call](pplx::task<size_t> read) {
    try {
      const std::size_t size = read.get();
      if (size == 0) return finish_whole(call);
      if (size > call->body_limit - call->response.body.size()) return finish_too_large(call);
      call->response.body.append(reinterpret_cast<const char*>(call->piece.data()), size);
      read_more(call);
    } catch (...) {
      finish_unavailable(call, current_words());
    }
  });
}

void take_head(const Call& call, const web::http::http_response& answer) {
  call->response.status = answer.status_code();
  for (const auto& [name, value] : answer.headers()) {
    call->response.headers.push_back({.name = name, .value = value});
  }
  const auto promised = promised_size(*call);
  if (promised && *promised > call->body_limit) return finish_too_large(call);
  call->body = answer.body();
  call->piece.resize(piece_size);
  read_more(call);
}

/// Throws when the call's time is over.
void stop_if_over(const CpprestCall& call) {
  if (read_boot_clock() >= call.end) {
    throw std::runtime_error("its time was over before it was sent");
  }
}

/// Has the body held back once the call is over.
void stop_before_body(const Call& call, web::http::http_request& request) {
  request.set_progress_handler(
      [call = std::weak_ptr(call)](web::http::message_direction::direction way,
                                   utility::size64_t moved) {
        // Asked after the head was written and before the body is, then with each piece.
        const bool is_first = way == web::http::message_direction::upload && moved == 0;
        if (const auto held = call.lock(); held && is_first) stop_if_over(*held);
      });
}

}  // namespace

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
}

void Mailbox::enter() {
  const std::lock_guard lock(mutex_);
  ++calls_;
}

void Mailbox::leave(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (io_ != nullptr) asio::post(*io_, std::move(work));
  if (--calls_ == 0) empty_.notify_all();
}

void Mailbox::drain(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  empty_.wait_for(lock, at_most, [this] { return calls_ == 0; });
}

Error too_large(const CpprestCall& call) {
  return {.kind = Error::Kind::malformed,
          .message = "answer of " + call.host + ": more than " + std::to_string(call.body_limit) +
                     " bytes",
          .code = "BodyTooLarge"};
}

void cancel_call(const CpprestCall& call) {
  pplx::create_task([cancellation = call.cancellation] { cancellation.cancel(); });
}

void start_call(const Call& call, const web::http::client::http_client& client,
                web::http::http_request request) {
  // Without one it would be asked when all has been sent.
  if (request.headers().content_length() > 0) stop_before_body(call, request);
  call->mailbox->enter();
  pplx::create_task([call, client, request] {
    try {
      stop_if_over(*call);
      auto sender = client;
      sender.request(request, call->cancellation.get_token())
          .then([call](pplx::task<web::http::http_response> answer) {
            try {
              take_head(call, answer.get());
            } catch (...) {
              finish_unavailable(call, current_words());
            }
          });
    } catch (...) {
      finish_unavailable(call, current_words());
    }
  });
}

}  // namespace portcullis::net
