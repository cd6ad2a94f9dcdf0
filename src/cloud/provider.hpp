#pragma once

#include <string>
#include <vector>

#include "base/asio.hpp"
#include "base/result.hpp"
#include "cloud/work.hpp"
#include "model/inventory.hpp"
#include "model/resource_id.hpp"
#include "model/security_rule.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::cloud {

/// What a list tells of a group: enough to see whether it has to be read.
struct ListedGroup {
  struct Rule {
    std::string name;
    std::string description{};
  };
  std::string id;
  std::vector<Rule> rules{};  ///< those that have a name
  std::string etag{};         ///< another one after any change of the group; may be empty
};

/// One account (subscription) of a cloud. Ids are ARM ids. Errors are classed as
/// facts of the API demand: `busy` for the per-group lock, `throttled` with `retry_after` for
/// budgets (with the code `budget_used_up` for those kept here), `locked` for ScopeLocked and
/// policy, `not_found` for a missing resource. Calls that concern one group say what they are for:
/// where calls are limited, that decides who goes first.
class Provider {
 public:
  virtual ~Provider() = default;

  /// Gets a token and reads the subscription: whether the credential works at all.
  virtual Task<Result<Done>> check() = 0;

  /// The machine, its interfaces, addresses and the groups before them, read directly (GETs by id).
  /// All or nothing: an interface or subnet that cannot be read makes the whole reading an error,
  /// since a missing path would look like a missing way in. `not_found` only if the VM itself is
  /// 404.
  virtual Task<Result<model::VirtualMachine>> read_machine(std::string id,
                                                           Work work = Work::opening) = 0;

  /// The group with all its rules, read directly.
  virtual Task<Result<model::SecurityGroup>> read_group(std::string id,
                                                        Work work = Work::drift) = 0;

  /// Every group of these resource groups, all pages; no names: of the whole subscription. A list
  /// may be shorter than the truth (what RBAC hides is missing, and so is a resource group that
  /// does not exist): it never proves that something is gone. What of a group cannot be understood
  /// is told by its own reading, and hides no other group.
  virtual Task<Result<std::vector<ListedGroup>>> list_groups(
      std::vector<std::string> resource_groups) = 0;

  /// Machines, interfaces and networks of the whole subscription, from three lists, all pages, put
  /// together. What is not understood is left out, loudly, and hides nothing else: whoever needs it
  /// reads it directly and is told why. Networks that may not be listed are as if there were none.
  virtual Task<Result<model::Inventory>> take_inventory() = 0;

  /// Creates the rule or overwrites the one of the same name, and waits for the operation's end.
  /// Success means that the cloud says it is done, not that packets obey: read the group back. Safe
  /// to repeat. `conflict` when the priority is taken or the operation was superseded.
  virtual Task<Result<Done>> put_rule(std::string group, model::SecurityRule rule,
                                      Work work = Work::opening) = 0;

  /// Removes the rule and waits for the operation's end. One that is already gone is a success; a
  /// group that is gone is `not_found`.
  virtual Task<Result<Done>> remove_rule(std::string group, std::string name,
                                         Work work = Work::closing) = 0;

  /// How long the calls that were counted keep another one for this from being sent; 0: not at all.
  virtual Duration budget_opens_in(Work work, bool is_write) const = 0;

  /// Something has to close in this group: what was asked about it for another end, and was not
  /// sent yet, goes as urgently as a closing; a write that opens fails with `conflict` instead.
  /// Returns at once; may be repeated.
  virtual void hurry(const std::string& group) = 0;
};

}  // namespace portcullis::cloud
