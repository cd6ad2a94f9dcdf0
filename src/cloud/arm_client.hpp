#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "cloud/json.hpp"
#include "cloud/pauses.hpp"
#include "cloud/slots.hpp"
#include "cloud/token_provider.hpp"
#include "net/http.hpp"
#include "net/url.hpp"

namespace portcullis::cloud {

/// What a call is for, how long it may stand in the queue for that, and what it is about: what
/// `hurry` is told; if empty, the resource in its path.
struct Turn {
  Work work = Work::opening;
  Duration patience = std::chrono::hours(24);
  std::string about{};
};

/// Calls of one Azure Resource Manager: with the account's token, `Slots::count` at a time, the
/// most urgent first, within the subscription's budgets. One thread; what it is given must outlive
/// it.
class ArmClient {
 public:
  static constexpr std::size_t body_limit = 16u << 20;
  static constexpr std::size_t most_pages = 1000;

  ArmClient(net::Transport& transport, TokenProvider& tokens, Pauses& pauses, Clock& clock,
            Budgets& budgets, net::Origin origin)
      : transport_(transport),
        tokens_(tokens),
        clock_(clock),
        origin_(std::move(origin)),
        pauses_(pauses),
        budgets_(budgets),
        slots_(pauses, clock, budgets) {}

  /// One call; success is a status of 2xx, anything else an Error (see `classify_answer`).
  /// `deadline` bounds token, queue and exchange together, so that no write goes out later. A 401
  /// gets the request sent once more, with a renewed token; nothing else is retried. The server's
  /// Date is told to the clock if TLS vouches for it.
  ///
  /// After `throttled` no call of that kind, reads or writes, is sent before the server's
  /// Retry-After: asking earlier is refused again and prolongs it. A call waits if that takes at
  /// most half of the time it has, else it fails at once, `throttled` with what is left to wait.
  /// What our own count of the budget holds back: see `Slots::take`.
  Task<Result<net::Response>> call(net::Request request, Duration deadline, Turn turn = {});

  /// What was asked about this and still stands in the queue goes as a closing.
  void hurry(const std::string& about) { slots_.hurry(about); }

  Duration budget_opens_in(Work work, bool is_write) const {
    return budgets_.of(is_write).tokens.wait(work, clock_.boot_now());
  }

  Task<Result<net::Response>> get(std::string target, Duration deadline, Turn turn = {});

  /// What a GET answered, parsed; `malformed` if it is no JSON.
  Task<Result<json::Document>> read(std::string target, Duration deadline, Turn turn = {});

  /// What is done with each page of a list; an error ends the reading.
  using PageReader = std::function<Result<Done>(json::Element page)>;

  /// Reads all pages, by `nextLink`. A link seen before, or more than `most_pages`, is `malformed`.
  /// `deadline` is for each page. Pages go with the locks: what has come is locked by them, and
  /// behind the readings of thousands of machines they would never come.
  Task<Result<Done>> read_pages(std::string target, PageReader read_page, Duration deadline);

  /// Why an operation failed whose status says so.
  Error operation_error(json::Element status_body, const std::string& call,
                        const std::string& status) const;

  /// The target to send for an address that the server gave (operation, location, next page): as
  /// it is, for such addresses are signed; but only if it lies at the same origin. Otherwise
  /// `malformed`, naming the host: no token goes there.
  Result<std::string> follow(std::string_view url) const;

 private:
  Task<Result<Done>> wait_for(const Budget& budget, std::string call, BootTime end);
  Task<Result<Slots::Slot>> take_slot(Turn turn, bool is_write, std::string call, BootTime end);
  Task<Result<net::Response>> call_with(Secret token, net::Request request, BootTime end);
  Task<Result<net::Response>> exchange(net::Request request, Secret token, BootTime end);

  net::Transport& transport_;
  TokenProvider& tokens_;
  Clock& clock_;
  net::Origin origin_;
  Pauses& pauses_;
  Budgets& budgets_;
  Slots slots_;
};

/// "PUT securityRules/web": how messages and logs name a request; never its query.
std::string call_name(const net::Request& request);

}  // namespace portcullis::cloud
