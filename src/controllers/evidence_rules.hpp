#pragma once

#include "controllers/world.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

/// Addresses of the grant's machines as last read; nothing unless all of them are known.
std::optional<model::PrefixSet> addresses_of(const World& world,
                                             const model::AccessVerdict& verdict);

/// Whether the open rule may be this grant's. A rule for one of its sources to an address that its
/// machines do not have may be of a time when they had it, unless another grant accounts for it:
/// what keeps one grant from closing must not hold up another's.
bool may_be_of(const World& world, const model::AccessVerdict& verdict,
               const model::SecurityRule& rule, const plan::OwnMark& mark);

/// Likewise of an allow rule that only its name says is ours: by its sources, ports and protocol,
/// and by the addresses that the grant's machines have now. What cannot be read of it, or of them,
/// may be anything.
bool may_let_in_for(const World& world, const model::AccessVerdict& verdict,
                    const model::SecurityRule& rule);

/// Whether the rule, or a rule of the group's plan, is wanted for this grant.
bool is_wanted(const model::AccessVerdict& verdict, const plan::WantedRule& wanted);
bool is_wanted(const model::AccessVerdict& verdict, const GroupView& view);

/// What in the group, as last read, is still to be closed that may be this grant's; null: nothing.
const plan::Change* find_closing(const World& world, const model::AccessVerdict& verdict,
                                 const GroupView& view);

/// An open rule in the group, as last read, that lets in for this grant, whatever the plan makes of
/// it: what a plan leaves alone may be left because too little is known. Others' grants excuse what
/// stands for them alone. One that is not settled may still do what it did before, whatever it
/// says. Null: none.
const model::SecurityRule* find_standing(const World& world, const model::AccessVerdict& verdict,
                                         const GroupView& view);

/// An open rule in the group, as last read, that may have been this grant's and lets nobody in any
/// more. Null: none.
const model::SecurityRule* find_inert(const World& world, const model::AccessVerdict& verdict,
                                      const GroupView& view);

}  // namespace portcullis::controllers
