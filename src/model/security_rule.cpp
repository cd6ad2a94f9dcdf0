#include "model/security_rule.hpp"

namespace portcullis::model {

const char* to_string(Access access) { return access == Access::allow ? "Allow" : "Deny"; }

const char* to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::any:
      return "Any";
    case Protocol::tcp:
      return "TCP";
    case Protocol::udp:
      return "UDP";
    case Protocol::icmp:
      return "ICMP";
    case Protocol::esp:
      return "ESP";
    case Protocol::ah:
      return "AH";
  }
  return "?";
}

std::string to_string(const PortRange& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.last ? first : first + '-' + std::to_string(range.last);
}

}  // namespace portcullis::model
