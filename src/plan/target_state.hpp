#pragma once

#include <string>
#include <vector>

#include "model/status.hpp"
#include "model/virtual_machine.hpp"

namespace portcullis::plan {

/// One machine of a policy, as the last complete look at it showed.
struct TargetState {
  enum class State : std::uint8_t {
    unresolved,    ///< the machine or something on its way could not be read
    unsupported,   ///< it is read, and is of a kind whose ports cannot be locked
    locking,       ///< not yet proven
    contended,     ///< locked, but somebody keeps changing our rules
    locked,        ///< proven: nobody reaches the ports outside a grant or an exception
    bypassed,      ///< a foreign rule lets somebody past the lock
    unprotected,   ///< no NSG stands before one of its addresses
    out_of_scope,  ///< no NSG on its way may be written by this account, or the machine is not ours
    conflict,      ///< an older policy or account owns it: locked, but grants nothing here
    audited,       ///< a policy in Audit: looked at, not touched
  };

  State state = State::unresolved;
  std::string reason{};  ///< of docs/reference.md; empty: the state's
  std::string message{};
  model::VirtualMachine machine{};  ///< id and name are set even when unresolved
  std::vector<std::string> groups{};
  std::vector<model::PolicyStatus::Cut> cut{};
};

const char* to_string(TargetState::State state);

}  // namespace portcullis::plan
