#include "model/security_rule.hpp"

#include "model/resource_id.hpp"

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

bool write_failed(const SecurityRule& rule) {
  const std::string word = ascii_lower(rule.unsettled);
  return word == "failed" || word == "canceled";
}

bool SecurityGroup::under_way() const {
  const std::string word = ascii_lower(provisioning_state);
  return word == "updating" || word == "deleting" || word == "creating" || word == "accepted";
}

std::string to_string(const PortRange& range) {
  const std::string first = std::to_string(range.first);
  return range.first == range.last ? first : first + '-' + std::to_string(range.last);
}

}  // namespace portcullis::model
