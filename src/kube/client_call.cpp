// How a request of any kind goes out and what its answer means.

#include <algorithm>
#include <utility>

#include "kube/client.hpp"
#include "kube/status.hpp"

namespace portcullis::kube {
namespace {

constexpr int most_repeats = 5;
constexpr std::size_t error_body_limit = 64u << 10;

bool is_success(int status) { return status >= 200 && status < 300; }

/// The server said that it did not act, and when it wants to be asked again.
bool wants_repeat(const Error& error) {
  return error.retry_after && (error.status == 429 || error.status == 503 || error.status == 504);
}

/// "Retry-After: 0" must not become a loop without a pause.
Duration pause_before(int repeat, Duration asked_for) {
  return std::max(asked_for, std::chrono::milliseconds(100) * (1 << repeat));
}

/// Header values are one line of visible characters: anything else would be another header.
bool is_header_value(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string token_in(const net::Request& request) {
  constexpr std::string_view scheme = "Bearer ";
  const auto value = net::find_header(request.headers, "Authorization");
  return value ? std::string(value->substr(scheme.size())) : std::string();
}

/// The body of an error answer, as far as it comes soon.
Task<std::string> read_some(net::BodyStream& stream, Clock& clock, Duration deadline) {
  const BootTime end = clock.boot_now() + deadline;
  std::string body;
  while (body.size() < error_body_limit && clock.boot_now() < end) {
    const auto piece = co_await stream.read(end - clock.boot_now());
    if (!piece || piece->empty()) break;
    body += *piece;
  }
  co_return body;
}

}  // namespace

Result<Done> Client::authorize(net::Request& request) {
  std::erase_if(request.headers,
                [](const net::Header& header) { return header.name == "Authorization"; });
  if (tokens_ == nullptr) return Done{};
  const auto token = tokens_->token();
  if (!token) return fail(token.error());
  if (token->empty()) return Done{};
  if (!is_header_value(token->reveal())) {
    return fail(Error::Kind::unauthorized, "the token holds characters that no token has");
  }
  request.headers.push_back({.name = "Authorization", .value = "Bearer " + token->reveal()});
  return Done{};
}

void Client::observe_date(const net::Headers& headers) {
  const auto date = net::find_header(headers, "Date");
  if (!date || date_origin_.empty()) return;
  if (const auto time = parse_http_date(*date)) clock_.observe(*time, date_origin_);
}

Client::Listening Client::when_back(std::function<void()> what) {
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  auto listening = std::make_shared<const std::function<void()>>(std::move(what));
  listeners_.push_back(listening);
  return listening;
}

void Client::note_answer(bool answered) {
  if (answered && told_ != nullptr) told_->note_answer(true);
  const bool was_silent = std::exchange(silent_, !answered);
  if (!was_silent || !answered) return;
  const auto listeners = listeners_;
  for (const auto& each : listeners) {
    if (const auto listener = each.lock()) (*listener)();
  }
}

void Client::hurry() {
  hurried_ = true;
  for (const auto& waiting : waiting_) {
    if (const auto wake = waiting.lock()) wake->notify();
  }
}

Task<void> Client::wait(Duration pause) {
  const auto wake = std::make_shared<Wake>();
  std::erase_if(waiting_, [](const auto& waiting) { return waiting.expired(); });
  waiting_.push_back(wake);
  co_await clock_.sleep_for(pause, wake.get());
}

Task<Result<net::Response>> Client::call(net::Request request, Duration deadline) {
  const BootTime end = clock_.boot_now() + deadline;
  if (!net::find_header(request.headers, "Accept")) {
    request.headers.push_back({.name = "Accept", .value = "application/json"});
  }
  bool rejected = false;
  for (int repeat = 0;;) {
    if (auto authorized = authorize(request); !authorized) co_return fail(authorized.error());
    net::Request copy = request;
    auto response = co_await transport_.send(std::move(copy), end - clock_.boot_now());
    note_answer(response.has_value());
    if (!response) co_return response;
    observe_date(response->headers);
    if (is_success(response->status)) co_return response;
    Error error = to_error(*response, clock_.now(), token_in(request));
    if (error.status == 401 && tokens_ != nullptr && !rejected) {
      rejected = true;
      tokens_->reject();
      continue;
    }
    if (!wants_repeat(error) || repeat == most_repeats) co_return fail(std::move(error));
    const Duration pause = pause_before(repeat, *error.retry_after);
    if (hurried_ || clock_.boot_now() + pause >= end) co_return fail(std::move(error));
    co_await wait(pause);
    if (hurried_) co_return fail(std::move(error));
    ++repeat;
  }
}

Task<Result<std::unique_ptr<net::BodyStream>>> Client::open(net::Request request,
                                                            Duration deadline) {
  const BootTime end = clock_.boot_now() + deadline;
  if (!net::find_header(request.headers, "Accept")) {
    request.headers.push_back({.name = "Accept", .value = "application/json"});
  }
  bool rejected = false;
  for (;;) {
    if (auto authorized = authorize(request); !authorized) co_return fail(authorized.error());
    net::Request copy = request;
    auto stream = co_await transport_.stream(std::move(copy), end - clock_.boot_now());
    note_answer(stream.has_value());
    if (!stream) co_return fail(stream.error());
    observe_date((*stream)->headers());
    const int status = (*stream)->status();
    if (is_success(status)) co_return std::move(*stream);
    net::Response response{.status = status, .headers = (*stream)->headers()};
    response.body = co_await read_some(**stream, clock_, std::chrono::seconds(5));
    Error error = to_error(response, clock_.now(), token_in(request));
    if (error.status != 401 || tokens_ == nullptr || rejected) co_return fail(std::move(error));
    rejected = true;
    tokens_->reject();
  }
}

}  // namespace portcullis::kube
