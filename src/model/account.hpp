#pragma once

#include <string>
#include <vector>

#include "model/object.hpp"

namespace portcullis::model {

/// A slice of the priorities 100..4096, both ends included.
struct Band {
  int from = 0;
  int to = 0;

  bool operator==(const Band&) const = default;
};

struct Bands {
  Band shutters{120, 129};
  Band grants{130, 279};
  Band locks{280, 299};

  bool operator==(const Bands&) const = default;
};

enum class Credential : std::uint8_t { workload_identity, managed_identity, client_secret };

/// A subscription that the operator may touch, and for whom.
struct CloudAccount {
  struct Access {
    std::vector<std::string> namespaces;       ///< names, or "*"
    std::vector<std::string> resource_groups;  ///< of the machines; names, or "*"
  };

  Meta meta;
  std::string subscription;
  std::string tenant;
  std::string environment = "AzurePublic";
  Credential credential = Credential::workload_identity;
  std::string client_id{};
  std::vector<Access> access{};
  std::vector<std::string> network_resource_groups{};  ///< empty: those of the machines
  Bands priorities{};
  bool freeze = false;
  bool delete_orphans = true;
  SeenStatus status{};
};

/// Whether machines of `resource_group` may be named in policies of `ns`.
bool allows(const CloudAccount& account, std::string_view ns, std::string_view resource_group);

/// Whether any machine may be named in policies of `ns`.
bool allows_namespace(const CloudAccount& account, std::string_view ns);

/// Whether groups in `resource_group` may be written.
bool may_write(const CloudAccount& account, std::string_view resource_group);

/// The resource groups whose NSGs the account covers, each once; "*" is left to the caller.
std::vector<std::string> network_scope(const CloudAccount& account);

}  // namespace portcullis::model
