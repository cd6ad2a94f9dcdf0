#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace portcullis::lab {

/// How the lab's cloud behaves where the real one leaves a choice or time matters.
struct Settings {
  std::string base_url =
      "https://127.0.0.1";       ///< in nextLink and operation addresses; no final slash
  Duration latency{0};           ///< before each ARM answer
  Duration operation_time{200};  ///< how long a write runs after it was accepted
  Duration retry_after{1000};    ///< what answers ask for (the real one: 10 s); whole seconds
  Duration token_life = std::chrono::seconds(3599);
  Duration date_skew{0};  ///< how far the cloud's Date is off
  std::size_t page_size = 100;
  bool throttling = true;    ///< ARM's token buckets: reads 250, 25/s; writes and deletes 200, 10/s
  bool honour_etags = true;  ///< false: If-Match is ignored
  bool drop_host_lengths = false;  ///< true: /32 and /128 come back without their length
  bool require_token = true;
  /// What a write meets while another operation runs in its group. All were seen in the real one.
  enum class Busy {
    refuse,     ///< 429 RetryableErrorDueToAnotherOperation
    conflict,   ///< 409 AnotherOperationInProgress
    supersede,  ///< accepted; the earlier operation polls as Canceled, its write stands
    lose,       ///< accepted; the earlier operation polls as Canceled, its write is lost
    accept,     ///< both run
  } when_busy = Busy::refuse;
};

/// The settings that the seed file and the admin interface may change, by their names there.
nlohmann::json to_json(const Settings& settings);

/// Changes what `patch` names; the problem if a name or value is unknown (nothing is changed then).
/// Durations are Go durations ("200ms").
std::optional<std::string> change(Settings& settings, const nlohmann::json& patch);

/// Who gets a token. Members left empty accept any non-empty value.
struct Credential {
  std::string client_id{};
  std::string secret{};
  std::string federated_token{};
};

}  // namespace portcullis::lab
