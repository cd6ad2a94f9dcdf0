#include "lab/settings.hpp"

#include <algorithm>
#include <array>

namespace portcullis::lab {
namespace {

using nlohmann::json;

struct DurationSetting {
  const char* name;
  Duration Settings::* member;
};
constexpr std::array durations = {
    DurationSetting{"latency", &Settings::latency},
    DurationSetting{"operationTime", &Settings::operation_time},
    DurationSetting{"retryAfter", &Settings::retry_after},
    DurationSetting{"tokenLife", &Settings::token_life},
    DurationSetting{"dateSkew", &Settings::date_skew},
};

struct FlagSetting {
  const char* name;
  bool Settings::* member;
};
constexpr std::array flags = {
    FlagSetting{"throttling", &Settings::throttling},
    FlagSetting{"honourEtags", &Settings::honour_etags},
    FlagSetting{"dropHostLengths", &Settings::drop_host_lengths},
    FlagSetting{"requireToken", &Settings::require_token},
};

constexpr std::array busy_names = {"refuse", "conflict", "supersede", "lose", "accept"};

std::optional<std::string> change_one(Settings& settings, const std::string& name,
                                      const json& value) {
  for (const DurationSetting& known : durations) {
    if (name != known.name) continue;
    std::string text = value.is_string() ? value.get<std::string>() : "";
    const bool negative = text.starts_with('-');
    const auto duration = parse_duration(negative ? text.substr(1) : text);
    if (!duration) return name + ": no duration, such as 200ms";
    if (negative && known.member != &Settings::date_skew) return name + ": may not be negative";
    settings.*known.member = negative ? -*duration : *duration;
    return std::nullopt;
  }
  for (const FlagSetting& known : flags) {
    if (name != known.name) continue;
    if (!value.is_boolean()) return name + ": true or false";
    settings.*known.member = value.get<bool>();
    return std::nullopt;
  }
  if (name == "pageSize") {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() == 0) {
      return name + ": a number from 1";
    }
    settings.page_size = value.get<std::size_t>();
    return std::nullopt;
  }
  if (name == "whenBusy") {
    const auto found = value.is_string() ? std::ranges::find(busy_names, value.get<std::string>())
                                         : busy_names.end();
    if (found == busy_names.end()) return name + ": refuse, conflict, supersede, lose or accept";
    settings.when_busy = static_cast<Settings::Busy>(found - busy_names.begin());
    return std::nullopt;
  }
  return "unknown setting " + name;
}

}  // namespace

json to_json(const Settings& settings) {
  json out = {{"pageSize", settings.page_size},
              {"whenBusy", busy_names.at(static_cast<std::size_t>(settings.when_busy))}};
  for (const DurationSetting& known : durations) {
    const Duration value = settings.*known.member;
    out[known.name] = value < Duration(0) ? "-" + format_duration(-value) : format_duration(value);
  }
  for (const FlagSetting& known : flags) out[known.name] = settings.*known.member;
  return out;
}

std::optional<std::string> change(Settings& settings, const json& patch) {
  if (!patch.is_object()) return "settings: not an object";
  Settings changed = settings;
  for (const auto& [name, value] : patch.items()) {
    if (auto problem = change_one(changed, name, value)) return problem;
  }
  settings = changed;
  return std::nullopt;
}

}  // namespace portcullis::lab
