#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cloud/json.hpp"
#include "cloud/provider.hpp"
#include "model/security_rule.hpp"

namespace portcullis::cloud {

/// A network security group as ARM writes it (Network 2024-05-01), normalised: singular and plural
/// fields merged, lists sorted and without repetition, "*" alone where it stands among others.
///
/// What a rule says and we do not know is never dropped and never guessed: an unknown access,
/// direction, protocol or port makes the rule `readable = false`, an unknown address goes to
/// `unread`, a provisioningState other than Succeeded to `unsettled`. What no group of ARM's lacks
/// (id, properties, both lists of rules, each rule's name, properties and priority) makes the whole
/// group `malformed`: half a group would look like a smaller one.
Result<model::SecurityGroup> read_group(json::Element group);

/// Of a group in a list: its id and etag, and names and descriptions of its rules. `malformed`
/// without an id; whatever else is missing or broken is left out.
Result<ListedGroup> read_listed_group(json::Element group);

/// One rule of the lists. `malformed` without name, properties or priority.
Result<model::SecurityRule> read_rule(json::Element rule);

/// The body of a PUT of the rule; singular fields where there is one value, plural ones otherwise.
/// Reading ARM's answer gives an equal rule. `invalid` for a rule that ARM would refuse or that
/// does not say what it means: not readable, an endpoint or port list with nothing in it, a name,
/// priority or description out of bounds.
Result<std::string> rule_body(const model::SecurityRule& rule);

/// Whether ARM takes this as a rule's name; also: whether it may stand in a path.
bool is_rule_name(std::string_view name);

}  // namespace portcullis::cloud
