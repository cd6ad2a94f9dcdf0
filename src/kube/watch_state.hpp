#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace portcullis::kube {

/// How a reflector stands with the server. A streaming list becomes a watch within its stream.
enum class Phase { stream_list, page_list, watch };

/// How a stream came to its end.
struct StreamEnd {
  std::optional<Error> error{};  ///< none: the server ended it in good order
  bool opened = false;           ///< whether there was an answer of 200
  bool by_event = false;         ///< the error came as an ERROR event
  bool advanced = false;         ///< whether the resourceVersion moved on
  Duration lived{0};
};

struct Step {
  Phase phase;
  bool pause;  ///< back off before it

  bool operator==(const Step&) const = default;
};

/// What follows the end of a stream that was in `phase`: client-go's reflector as a table, without
/// I/O. Consistent lists (no resourceVersion) are all we ask for, so none of the steps can lead
/// back in time.
Step step_after(Phase phase, const StreamEnd& end);

/// Whether the server knows no streaming lists (before 1.34, or switched off): not to be asked
/// again.
bool refuses_stream_list(const Error& error);

}  // namespace portcullis::kube
