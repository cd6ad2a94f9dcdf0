#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace portcullis::model {

/// An ARM id "/subscriptions/S/resourceGroups/G/providers/N/T/NAME[/T2/NAME2]". ARM ignores letter
/// case and spells ids differently from answer to answer: compare `resource_key`s, never texts.
struct ResourceId {
  std::string subscription;
  std::string resource_group;
  std::string provider;  ///< "Microsoft.Network"
  std::string type;      ///< "networkSecurityGroups"
  std::string name;
  std::string child_type{};  ///< "subnets", or empty
  std::string child_name{};
};

/// Strict: every segment there, none empty, "." or "..", none with a character that ARM's names
/// cannot have (so none that means something in a URL), nothing behind.
std::optional<ResourceId> parse_resource_id(std::string_view text);

std::string to_string(const ResourceId& id);

/// Lower case: equal exactly for ids of the same resource.
std::string resource_key(std::string_view id);

/// The resource's own name, for sentences; the text itself where it is no id.
std::string short_name(std::string_view id);

std::string virtual_machine_id(std::string_view subscription, std::string_view resource_group,
                               std::string_view name);

/// ASCII letters only, for names that ARM compares without regard to case.
std::string ascii_lower(std::string_view text);

}  // namespace portcullis::model
