#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/prefix.hpp"

namespace portcullis::model {

enum class Access : std::uint8_t { allow, deny };
enum class Direction : std::uint8_t { inbound, outbound };

/// `any` is all protocols. What a rule may match besides TCP and UDP is kept apart only as far as
/// the evaluator needs it: neither opens a TCP or UDP port.
enum class Protocol : std::uint8_t { any, tcp, udp, icmp, esp, ah };

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 65535;  ///< inclusive

  auto operator<=>(const PortRange&) const = default;
  bool contains(const PortRange& other) const { return first <= other.first && other.last <= last; }
  bool is_all() const { return first == 0 && last == 65535; }
};

/// One side of a rule. All members together are a union.
struct Endpoint {
  bool any = false;                   ///< "*"
  std::vector<Prefix> prefixes{};     ///< sorted
  std::vector<std::string> tags{};    ///< service tags as the cloud writes them: "Internet"
  std::vector<std::string> groups{};  ///< ids of application security groups, lower case
  std::vector<std::string> unread{};  ///< text that is none of these: nothing is proven about it

  bool operator==(const Endpoint&) const = default;
};

/// A security rule of a cloud, normalised: singular and plural fields merged, lists sorted, so that
/// equal rules compare equal however the server spells them.
struct SecurityRule {
  std::string name;
  std::string description{};
  int priority = 0;
  Access access = Access::deny;
  Direction direction = Direction::inbound;
  Protocol protocol = Protocol::any;
  Endpoint source{};
  Endpoint destination{};
  std::vector<PortRange> source_ports{PortRange{}};
  std::vector<PortRange> destination_ports{};
  /// False when the answer had a value we do not know; such a rule is taken as anything.
  bool readable = true;
  /// The cloud's word for the state of its last write, if that is not "Succeeded" ("Updating",
  /// "Failed", ...): whether what the rule says is in force is then not known. Empty: it is.
  std::string unsettled{};

  bool operator==(const SecurityRule&) const = default;
  bool settled() const { return unsettled.empty(); }
};

/// Whether the last write of the rule has ended, and not well: only another write settles it.
bool write_failed(const SecurityRule& rule);

/// A network security group as one read showed it.
struct SecurityGroup {
  std::string id;  ///< as the cloud spells it; compare by `resource_key`
  std::string location{};
  std::string etag{};
  std::string provisioning_state{};
  std::vector<SecurityRule> rules{};          ///< by priority
  std::vector<SecurityRule> default_rules{};  ///< 65000 and up

  /// Whether a write of somebody's is being carried out. A "Failed" says no more than that the last
  /// write of anything in it failed.
  bool under_way() const;
};

const char* to_string(Access access);
const char* to_string(Protocol protocol);       ///< "Any", "TCP", "UDP", …
std::string to_string(const PortRange& range);  ///< "22" or "8000-8010"

}  // namespace portcullis::model
