#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/cloud.hpp"

namespace portcullis::lab {

struct Answer {
  net::Response response;  ///< status 0: the connection closes without an answer
  Duration delay{0};       ///< wait before the answer goes out; the effect has happened already
};

/// Azure Resource Manager, Entra's token endpoint and the instance metadata service over a World:
/// the calls that Portcullis makes and what a plain SDK client makes around them, answered as the
/// real ones do. Pure: no I/O, no clock, no randomness; the same requests at the same times give
/// the same answers byte for byte. Sources: recorded traffic and reports as described in
/// docs/lab.md.
class ArmModel {
 public:
  explicit ArmModel(World world, Settings settings = {});

  /// Answers one request. `now` never goes back.
  Answer answer(const net::Request& request, TimePoint now);

  /// Ends the operations that are due; `answer` does so first of all.
  void advance(TimePoint now);

  /// When `advance` has something to do next.
  std::optional<TimePoint> next_change() const;

  Cloud& cloud() { return cloud_; }
  const Cloud& cloud() const { return cloud_; }

 private:
  struct Late {
    TimePoint when;
    net::Request request;
  };

  Answer answer_call(Call& call, LoggedRequest& line);
  net::Response arm(Call& call, const std::optional<FaultAction>& fault);
  void remember(const Call& call, const net::Response& response);
  void finish_headers(const Call& call, net::Response& response) const;

  Cloud cloud_;
  std::vector<Late> late_;
  std::map<std::string, net::Response> last_answers_;  ///< good ones to GETs, by token and target
};

}  // namespace portcullis::lab
