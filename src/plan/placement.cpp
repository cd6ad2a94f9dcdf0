#include "plan/placement.hpp"

#include <algorithm>
#include <map>

#include "plan/priorities.hpp"

namespace portcullis::plan {
namespace {

using model::Band;

bool takes_priority(const model::SecurityRule& rule) {
  return rule.direction == model::Direction::inbound || !rule.readable;
}

class Placement {
 public:
  Placement(const model::SecurityGroup& actual, const model::Bands& bands) : bands_(bands) {
    for (const model::SecurityRule& rule : actual.rules) {
      if (!takes_priority(rule)) continue;
      priorities_.take(rule.priority);
      ++holders_[rule.priority];
    }
  }

  void place(std::vector<Proposal>& proposals) {
    std::vector<Proposal*> keeps;
    std::vector<Proposal*> locks;
    std::vector<Proposal*> opens;
    for (Proposal& proposal : proposals) {
      if (proposal.removes()) {
        note_removal(proposal);
        continue;
      }
      if (proposal.mark.kind == RuleKind::keep) keeps.push_back(&proposal);
      if (proposal.mark.kind == RuleKind::lock) locks.push_back(&proposal);
      if (proposal.mark.kind == RuleKind::open) opens.push_back(&proposal);
    }
    place_locks(keeps, locks);
    for (Proposal* proposal : opens) {
      if (!proposal->target) continue;
      if (stays(*proposal, bands_.grants)) {
        proposal->target->priority = proposal->actual->priority;
      } else {
        proposal->target->priority =
            priorities_.take_first(bands_.grants, 0, bands_.grants.to + 1).value_or(0);
      }
    }
  }

 private:
  void note_removal(const Proposal& proposal) {
    // Only a closing stands before whatever may use its number; an inert rule may never go.
    if (*proposal.removal != ChangeClass::close || is_inert(*proposal.actual)) return;
    if (takes_priority(*proposal.actual) && holders_[proposal.actual->priority] == 1) {
      priorities_.free_later(proposal.actual->priority);
    }
  }

  bool stays(const Proposal& proposal, const Band& band) {
    return proposal.actual != nullptr && takes_priority(*proposal.actual) &&
           band.from <= proposal.actual->priority && proposal.actual->priority <= band.to &&
           holders_[proposal.actual->priority] == 1;
  }

  /// A rule that cannot be moved weighs more than all that can.
  static int weight(const Proposal& proposal) { return proposal.target ? 1 : 1000; }

  /// The number below which keeps stay, and from which on locks do.
  int border(const std::vector<Proposal*>& keeps, const std::vector<Proposal*>& locks) {
    const Band& band = bands_.locks;
    int best = band.from;
    int least = -1;
    for (int candidate = band.from; candidate <= band.to + 1; ++candidate) {
      int cost = 0;
      for (const Proposal* keep : keeps) {
        if (stays(*keep, band) && keep->actual->priority >= candidate) cost += weight(*keep);
      }
      for (const Proposal* lock : locks) {
        if (stays(*lock, band) && lock->actual->priority < candidate) cost += weight(*lock);
      }
      if (least >= 0 && cost >= least) continue;
      least = cost;
      best = candidate;
    }
    return best;
  }

  void place_locks(const std::vector<Proposal*>& keeps, const std::vector<Proposal*>& locks) {
    const Band& band = bands_.locks;
    const int split = border(keeps, locks);
    int first_lock = band.to + 1;
    int last_keep = 0;
    std::vector<Proposal*> moving_keeps;
    std::vector<Proposal*> moving_locks;
    for (Proposal* keep : keeps) {
      if (stays(*keep, band) && (keep->actual->priority < split || !keep->target)) {
        last_keep = std::max(last_keep, keep->actual->priority);
        if (keep->target) keep->target->priority = keep->actual->priority;
      } else if (keep->target) {
        moving_keeps.push_back(keep);
      }
    }
    for (Proposal* lock : locks) {
      if (stays(*lock, band) && (lock->actual->priority >= split || !lock->target)) {
        first_lock = std::min(first_lock, lock->actual->priority);
        if (lock->target) lock->target->priority = lock->actual->priority;
      } else if (lock->target) {
        moving_locks.push_back(lock);
      }
    }
    for (Proposal* keep : moving_keeps) {
      keep->target->priority = priorities_.take_first(band, 0, first_lock).value_or(0);
      last_keep = std::max(last_keep, keep->target->priority);
    }
    for (Proposal* lock : moving_locks) {
      lock->target->priority = priorities_.take_last(band, last_keep).value_or(0);
    }
  }

  const model::Bands& bands_;
  Priorities priorities_;
  std::map<int, int> holders_;
};

}  // namespace

void place(std::vector<Proposal>& proposals, const model::SecurityGroup& actual,
           const model::Bands& bands) {
  Placement(actual, bands).place(proposals);
}

}  // namespace portcullis::plan
