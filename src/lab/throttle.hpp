#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "net/http.hpp"

namespace portcullis::lab {

/// ARM's token buckets per client: reads 250 refilled 25/s, writes 200 refilled 10/s, deletes 200
/// refilled 10/s (limits of 2024 and later).
class Throttle {
 public:
  /// Takes one token of the method's bucket. The 429 when it is empty (nothing is taken then).
  std::optional<net::Response> take(const std::string& client, const std::string& method,
                                    TimePoint now);

  /// The header that tells what is left of the bucket that `method` draws from.
  net::Header remaining(const std::string& client, const std::string& method) const;

 private:
  struct Bucket {
    double tokens = 0;
    TimePoint filled{};
  };
  std::map<std::string, std::array<Bucket, 3>> clients_;
};

}  // namespace portcullis::lab
