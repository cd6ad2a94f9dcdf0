#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "lab/cloud.hpp"

namespace portcullis::lab {

/// What a seed file describes; its form is explained in docs/lab.md.
struct Seed {
  World world;
  Settings settings{};
  std::vector<Credential> credentials{};
  std::vector<Lock> locks{};
  std::vector<std::string> resource_groups{};  ///< those that hold nothing yet
};

/// Reads a seed. `invalid` names file, line and field: "lab.yaml:12: vms[0].nics[0].nsg: …".
Result<Seed> read_seed(const std::string& text, const std::string& file);
Result<Seed> read_seed_file(const std::string& path);

/// One rule in the seed's short form (YAML or JSON) in ARM's normalised form.
Result<Rule> read_short_rule(const std::string& text, const std::string& name);

/// Adds one VM in the seed's form (YAML or JSON) with its NICs. One of that name is replaced.
Result<Done> add_machine(World& world, const std::string& text);

/// An NSG as the seed names it ("name" or "resourceGroup/name") -> its ARM id; empty if there is
/// none or more than one.
std::string resolve_group(const World& world, const std::string& reference,
                          const std::string& resource_group);

}  // namespace portcullis::lab
