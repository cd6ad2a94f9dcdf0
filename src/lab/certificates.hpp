#pragma once

#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace portcullis::lab {

/// A CA of the lab's own and a server certificate signed by it; the CA's key is thrown away.
struct Certificates {
  std::string ca_pem;
  std::string server_pem;
  Secret key_pem;
};

/// For `address` (an IP address), localhost and 127.0.0.1; valid from a day ago for ten years.
Result<Certificates> make_certificates(const std::string& address);

}  // namespace portcullis::lab
