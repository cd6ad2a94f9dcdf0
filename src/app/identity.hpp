#pragma once

#include <cstdint>
#include <string>

namespace portcullis::app {

/// From the system's source of randomness.
std::uint64_t random_seed();

/// Who this process is to others: what it was told to be, else "<host>_<random>", so that two
/// processes on one host are two holders of a lease.
std::string make_identity(const std::string& told);

}  // namespace portcullis::app
