#pragma once

#include <functional>
#include <string>

#include "controllers/world.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Proves, again and again, that the admission policies are in force: it asks for access under a
/// forged name, as a dry run in the operator's own namespace, and must be refused by the policy
/// itself. Without them a requester's name is only what somebody typed, so nothing is granted until
/// the proof holds again.
class AdmissionGuard {
 public:
  /// `ns` is the operator's own namespace.
  AdmissionGuard(World& world, kube::Client& client, std::string ns);

  /// Until `stop`: every minute, every second while the proof fails.
  Task<void> run();
  void stop();

 private:
  enum class Proof { holds, fails, unknown };

  Task<Proof> prove();
  Proof doubt(std::string what);
  Proof unanswered(const Error& error);
  void take(Proof proof);
  void wake_everybody();

  World& world_;
  kube::Client& client_;
  std::string ns_;
  std::string problem_;
  TimePoint proven_at_{};
  bool stopped_ = false;
  Wake wake_;
};

}  // namespace portcullis::controllers
