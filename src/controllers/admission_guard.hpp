#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controllers/guard_book.hpp"
#include "controllers/guard_reading.hpp"
#include "controllers/guard_record.hpp"
#include "controllers/world.hpp"
#include "kube/client.hpp"
#include "kube/reflector.hpp"
#include "kube/store.hpp"

namespace portcullis::controllers {

/// API servers put a changed policy in force about a second after it was stored, each for itself:
/// what is made so soon after a lapse may not have been guarded.
inline constexpr Duration guard_settles = std::chrono::seconds(5);

/// Knows whether the admission policies are in force. Without them a requester's name is only what
/// somebody typed, so nothing is granted until they are again, and what was asked meanwhile is
/// refused. What an operator saw it leaves to the next one (GuardRecord). Two proofs, and both must
/// hold:
///
/// - The objects are as shipped. They are watched, so that a change is seen when it is made, and
///   read again each minute, should a watch hang. A uid or generation that moved tells of a lapse
///   that nobody saw.
/// - They work: two dry runs in the operator's own namespace, each minute, and each second while
///   something is wrong. An API server that does not answer is believed for 90 s.
class AdmissionGuard {
 public:
  using Spawn = std::function<void(Task<void>)>;

  /// `ns` is the operator's own namespace; `spawn` runs the watches.
  AdmissionGuard(World& world, kube::Client& client, std::string ns, Spawn spawn,
                 std::uint64_t jitter_seed);

  /// Until `stop`, once.
  Task<void> run();
  void stop();

 private:
  enum class Proof { holds, fails, unknown };

  struct Watch {
    Watch(const GuardBook& book, GuardKind kind);

    kube::Store<SeenGuard> store;
    std::unique_ptr<kube::Reflector> reflector{};  ///< once the server is known to have the kind
  };

  void watch(GuardKind kind);
  void watched();
  bool synced() const;
  const SeenGuard* look(const GuardName& name) const;

  Task<void> load_record();
  Task<void> store_record();

  Task<Proof> prove();
  Task<Proof> prove_objects();
  Task<Proof> prove_effect();
  Proof doubt(std::string what);
  Proof unanswered(std::string what, const Error& error);
  void take(Proof proof);
  void remember(const GuardBook::Look& look);
  void distrust(TimePoint before);
  void judge();
  void wake_everybody();

  World& world_;
  kube::Client& client_;
  std::string ns_;
  Spawn spawn_;
  std::uint64_t jitter_seed_;
  GuardBook book_;
  std::array<Watch, guard_kinds.size()> watches_;
  bool mutating_ = false;                       ///< the server has the kinds that stamp
  std::optional<std::string> watch_problem_{};  ///< what the watches show to be wrong
  Proof proof_ = Proof::unknown;
  std::string proof_problem_{"the admission policies have not been looked at yet"};
  TimePoint proven_at_{};
  std::optional<GuardRecord> recorded_{};  ///< as the API server has it
  bool record_fails_ = false;
  std::uint64_t lapses_ = 0;  ///< that the watches have seen
  std::uint64_t tries_ = 0;   ///< proofs that came to an end, whichever
  bool stopped_ = false;
  Wake wake_;
};

}  // namespace portcullis::controllers
