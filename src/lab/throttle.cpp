#include "lab/throttle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/wire.hpp"

namespace portcullis::lab {
namespace {

struct Limit {
  const char* name;
  double size;
  double per_second;
};
constexpr std::array limits = {Limit{"reads", 250, 25}, Limit{"writes", 200, 10},
                               Limit{"deletes", 200, 10}};

std::size_t limit_of(const std::string& method) {
  if (method == "GET" || method == "HEAD") return 0;
  return method == "DELETE" ? 2 : 1;
}

}  // namespace

std::optional<net::Response> Throttle::take(const std::string& client, const std::string& method,
                                            TimePoint now) {
  const std::size_t at = limit_of(method);
  const Limit& limit = limits.at(at);
  auto [entry, is_new] = clients_.try_emplace(client);
  if (is_new) {
    for (std::size_t i = 0; i < limits.size(); ++i) entry->second.at(i) = {limits.at(i).size, now};
  }
  Bucket& bucket = entry->second.at(at);
  const double passed = std::max(0.0, std::chrono::duration<double>(now - bucket.filled).count());
  bucket.tokens = std::min(limit.size, bucket.tokens + passed * limit.per_second);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  const int wait = static_cast<int>(std::ceil((1 - bucket.tokens) / limit.per_second));
  net::Response response = arm_error(
      429, "TooManyRequests",
      fmt::format("Number of '{}' requests for the subscription and principal exceeded. Please try "
                  "again after '{}' seconds.",
                  limit.name, wait));
  set_header(response, "Retry-After", fmt::to_string(wait));
  set_header(response, "x-ms-failure-cause", "gateway");
  return response;
}

net::Header Throttle::remaining(const std::string& client, const std::string& method) const {
  const std::size_t at = limit_of(method);
  double left = limits.at(at).size;
  if (const auto found = clients_.find(client); found != clients_.end()) {
    left = found->second.at(at).tokens;
  }
  return {fmt::format("x-ms-ratelimit-remaining-subscription-{}", limits.at(at).name),
          fmt::to_string(static_cast<long>(left))};
}

}  // namespace portcullis::lab
