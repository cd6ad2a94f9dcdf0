#pragma once

#include <span>
#include <string>

#include "base/time.hpp"

namespace portcullis::plan {

/// Clocks further apart than this are told; over the second nothing is opened: who cannot tell what
/// the time is cannot tell when a grant ends.
inline constexpr Duration told_skew = std::chrono::seconds(5);
inline constexpr Duration most_skew = std::chrono::seconds(30);

/// Dates of HTTP have whole seconds and were on their way: what was over a limit has to come so far
/// below it before it counts as below, and words are kept until a value moved as far.
inline constexpr Duration skew_slack = std::chrono::seconds(2);

/// What one clock says; all of them at one moment.
struct ClockReading {
  std::string whose;  ///< "this machine's clock", "https://10.0.0.1"
  std::string owner;  ///< who can set it, in words: "whoever runs the cloud"
  TimePoint says{};
};

/// How the clocks stand to each other. Closing goes on however they stand.
struct ClockView {
  Duration apart{0};            ///< the largest difference between two of them
  bool skewed = false;          ///< over `told_skew`
  bool stops_openings = false;  ///< over `most_skew`
  std::string problem{};        ///< both clocks, what they say, who must act; empty: not skewed
  std::string earliest{};       ///< whose
  std::string latest{};
};

/// Pure. `before` is the view of the last time: near a limit it decides, and it keeps its words as
/// long as they are about right, since each new text is a write of every status that has it.
ClockView judge_clocks(std::span<const ClockReading> readings, const ClockView& before);

}  // namespace portcullis::plan
