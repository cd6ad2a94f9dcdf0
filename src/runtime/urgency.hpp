#pragma once

#include <cstdint>

namespace portcullis::runtime {

/// The smaller, the more urgent.
enum class Urgency : std::uint8_t { closing, normal, background };

}  // namespace portcullis::runtime
