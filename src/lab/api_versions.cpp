#include "lab/api_versions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

constexpr std::array<const char*, 29> network = {
    "2019-04-01", "2019-11-01", "2020-05-01", "2020-07-01", "2020-11-01", "2021-02-01",
    "2021-05-01", "2021-08-01", "2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01",
    "2022-11-01", "2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01",
    "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01",
    "2025-01-01", "2025-03-01", "2025-05-01", "2025-07-01", "2026-03-01"};
constexpr std::array<const char*, 17> compute = {
    "2019-12-01", "2020-06-01", "2020-12-01", "2021-03-01", "2021-07-01", "2021-11-01",
    "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01", "2023-09-01",
    "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2026-04-01"};

bool is_version(const std::string& text) {
  const std::string_view date = std::string_view(text).substr(0, 10);
  if (date.size() != 10 || (text.size() > 10 && text.substr(10) != "-preview")) return false;
  for (std::size_t at = 0; at < date.size(); ++at) {
    const bool dash = at == 4 || at == 7;
    if (dash ? date[at] != '-' : (date[at] < '0' || date[at] > '9')) return false;
  }
  return true;
}

}  // namespace

std::optional<net::Response> refuse_api_version(const Call& call, const std::string& location) {
  const std::string version = call.query_or("api-version", "");
  if (version.empty()) {
    return arm_error(400, "MissingApiVersionParameter",
                     "The api-version query parameter (?api-version=) is required for all "
                     "requests.");
  }
  if (!is_version(version)) {
    return arm_error(400, "InvalidApiVersionParameter",
                     fmt::format("The api-version '{}' is invalid.", version));
  }
  const auto providers = std::ranges::find_if(
      call.path, [](const std::string& segment) { return same_name(segment, "providers"); });
  if (call.path.end() - providers < 3) return std::nullopt;
  const std::string& provider = *(providers + 1);
  std::span<const char* const> known;
  if (same_name(provider, "Microsoft.Network")) known = network;
  if (same_name(provider, "Microsoft.Compute")) known = compute;
  if (known.empty() || std::ranges::find(known, version) != known.end()) return std::nullopt;
  return arm_error(
      400, "NoRegisteredProviderFound",
      fmt::format("No registered resource provider found for location '{}' and API version '{}' "
                  "for type '{}'. The supported api-versions are '{}'.",
                  location, version, *(providers + 2), fmt::join(known, ", ")));
}

}  // namespace portcullis::lab
