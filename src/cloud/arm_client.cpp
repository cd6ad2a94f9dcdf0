#include "cloud/arm_client.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "cloud/arm_error.hpp"
#include "cloud/excerpt.hpp"
#include "cloud/json.hpp"

namespace portcullis::cloud {
namespace {

bool is_write(const net::Request& request) { return request.method != "GET"; }

}  // namespace

std::string call_name(const net::Request& request) {
  std::string_view path = request.target;
  path = path.substr(0, path.find('?'));
  const auto last = path.rfind('/');
  const auto before =
      last == 0 || last == std::string_view::npos ? last : path.rfind('/', last - 1);
  return request.method + " " +
         excerpt(before == std::string_view::npos ? path : path.substr(before + 1), 200);
}

Task<Result<net::Response>> ArmClient::call(net::Request request, Duration deadline, Turn turn) {
  const BootTime end = clock_.boot_now() + deadline;
  // Before the queue: what cannot be sent for want of a token spends no budget.
  auto token = co_await tokens_.token(deadline);
  if (!token) co_return fail(token.error());
  if (turn.about.empty()) turn.about = request.target.substr(0, request.target.find('?'));
  const auto slot = co_await take_slot(turn, is_write(request), call_name(request), end);
  if (!slot) co_return fail(slot.error());
  auto answer = co_await call_with(std::move(*token), std::move(request), end);
  slots_.give_back(*slot);
  co_return answer;
}

Task<Result<Done>> ArmClient::wait_for(const Budget& budget, std::string call, BootTime end) {
  while (true) {
    const BootTime now = clock_.boot_now();
    const Duration pause = budget.not_before - now;
    if (pause <= Duration(0)) co_return Done{};
    if (pause > (end - now) / 2) {
      co_return fail(Error{
          .kind = Error::Kind::throttled,
          .message = call + ": not sent, the cloud said " + budget.code + " and to come back in " +
                     format_duration(std::chrono::ceil<std::chrono::seconds>(pause)),
          .code = budget.code,
          .retry_after = pause});
    }
    if (const auto rested = co_await pauses_.sleep(pause); !rested) co_return rested;
  }
}

Task<Result<Slots::Slot>> ArmClient::take_slot(Turn turn, bool is_write, std::string call,
                                               BootTime end) {
  const Budget& budget = budgets_.of(is_write);
  while (true) {
    const auto open = co_await wait_for(budget, call, end);
    if (!open) co_return fail(open.error());
    const Duration patience = std::min(end - clock_.boot_now(), turn.patience);
    auto slot = co_await slots_.take(turn.work, is_write, patience, turn.about);
    if (!slot) {
      slot.error().message = call + ": " + slot.error().message;
      co_return slot;
    }
    if (budget.not_before <= clock_.boot_now()) co_return slot;
    slots_.put_back(*slot);  // it became known while we stood in the queue
  }
}

Task<Result<net::Response>> ArmClient::get(std::string target, Duration deadline, Turn turn) {
  net::Request request;
  request.target = std::move(target);
  co_return co_await call(std::move(request), deadline, turn);
}

Task<Result<json::Document>> ArmClient::read(std::string target, Duration deadline, Turn turn) {
  const std::string name = call_name({.target = target});
  const auto answer = co_await get(std::move(target), deadline, turn);
  if (!answer) co_return fail(answer.error());
  auto document = json::Document::parse(answer->body);
  if (!document) document.error().message = name + ": " + document.error().message;
  co_return document;
}

Task<Result<net::Response>> ArmClient::call_with(Secret token, net::Request request, BootTime end) {
  const std::string name = call_name(request);
  Budget& budget = budgets_.of(is_write(request));
  auto answer = co_await exchange(request, token, end);
  if (answer && answer->status == 401) {
    auto renewed = co_await tokens_.renew(token, end - clock_.boot_now());
    if (renewed) {
      token = std::move(*renewed);
      budget.tokens.take(clock_.boot_now());
      answer = co_await exchange(std::move(request), token, end);
    } else if (renewed.error().kind != Error::Kind::unauthorized) {
      co_return fail(renewed.error());
    }
  }
  if (!answer) {
    answer.error().message = name + ": " + answer.error().message;
    co_return fail(answer.error());
  }
  if (answer->body.size() > body_limit) {
    co_return fail(Error::Kind::malformed, name + ": the answer is larger than 16 MiB");
  }
  if (answer->status < 200 || answer->status > 299) {
    Error error = classify_answer(*answer, name, token, clock_.now());
    if (error.kind == Error::Kind::throttled && error.retry_after) {
      budget.not_before = std::max(budget.not_before, clock_.boot_now() + *error.retry_after);
      budget.code = error.code.empty() ? "429" : error.code;
    }
    co_return fail(std::move(error));
  }
  co_return answer;
}

Task<Result<net::Response>> ArmClient::exchange(net::Request request, Secret token, BootTime end) {
  const BootTime begin = clock_.boot_now();
  if (begin >= end) co_return fail(Error::Kind::timeout, "no time left to send it");
  const std::string name = call_name(request);
  request.headers.push_back({"Authorization", "Bearer " + token.reveal()});
  request.headers.push_back({"Accept", "application/json"});
  if (!request.body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  auto answer = co_await transport_.send(std::move(request), end - begin);
  if (answer && origin_.scheme == "https") {
    if (const auto date = parse_http_date(answer->header("Date").value_or(""))) {
      clock_.observe(*date, net::to_string(origin_));
    }
  }
  log::debug("cloud call", {{"call", name},
                            {"status", answer ? answer->status : 0},
                            {"error", answer ? "" : to_string(answer.error().kind)},
                            {"milliseconds", (clock_.boot_now() - begin).count()}});
  co_return answer;
}

Task<Result<Done>> ArmClient::read_pages(std::string target, PageReader read_page,
                                         Duration deadline) {
  std::set<std::string> seen = {target};
  while (true) {
    const auto document = co_await read(target, deadline, {.work = Work::lock});
    if (!document) co_return fail(document.error());
    if (const auto done = read_page(document->root()); !done) co_return done;

    const auto link = json::member(document->root(), "nextLink");
    std::string_view next;
    if (link && link->get(next) != simdjson::SUCCESS) {
      co_return fail(Error::Kind::malformed, "a list's nextLink is no text");
    }
    if (next.empty()) co_return Done{};
    const auto followed = follow(next);
    if (!followed) co_return fail(followed.error());
    target = *followed;
    if (seen.size() == most_pages) {
      co_return fail(Error::Kind::malformed, "a list has more than 1000 pages");
    }
    if (!seen.insert(target).second) {
      co_return fail(Error::Kind::malformed, "a list's nextLink leads back to a page already read");
    }
  }
}

Error ArmClient::operation_error(json::Element status_body, const std::string& call,
                                 const std::string& status) const {
  return classify_operation(read_fault(status_body), call, status, tokens_.current());
}

Result<std::string> ArmClient::follow(std::string_view url) const {
  constexpr std::size_t longest = 8u << 10;
  const auto parsed = url.size() > longest ? std::nullopt : net::parse_url(url);
  if (!parsed) {
    return fail(Error::Kind::malformed, "the cloud gave a follow-up address that is none");
  }
  if (parsed->origin != origin_) {
    return fail(Error::Kind::malformed,
                "the cloud gave a follow-up address at another server: " +
                    excerpt(net::to_string(parsed->origin), 200, {&tokens_.current()}));
  }
  return parsed->target;
}

}  // namespace portcullis::cloud
