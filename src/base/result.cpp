#include "base/result.hpp"

namespace portcullis {

const char* to_string(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_found:
      return "not_found";
    case Error::Kind::already_exists:
      return "already_exists";
    case Error::Kind::conflict:
      return "conflict";
    case Error::Kind::expired:
      return "expired";
    case Error::Kind::busy:
      return "busy";
    case Error::Kind::throttled:
      return "throttled";
    case Error::Kind::unauthorized:
      return "unauthorized";
    case Error::Kind::forbidden:
      return "forbidden";
    case Error::Kind::locked:
      return "locked";
    case Error::Kind::invalid:
      return "invalid";
    case Error::Kind::unsupported:
      return "unsupported";
    case Error::Kind::unavailable:
      return "unavailable";
    case Error::Kind::timeout:
      return "timeout";
    case Error::Kind::cancelled:
      return "cancelled";
    case Error::Kind::malformed:
      return "malformed";
  }
  return "unknown";
}

}  // namespace portcullis
