#include "app/vitals.hpp"

namespace portcullis::app {
namespace {

void judge_standby(Health& health, const kube::Elector& elector) {
  health.role = "standby";
  if (elector.trouble()) {
    health.missing.push_back("the lease cannot be read: " + elector.trouble()->message);
  } else if (elector.holder().empty()) {
    health.missing.emplace_back("the lease has not been read yet");
  }
}

void judge_leader(Health& health, bool holds, const controllers::World* world) {
  health.role = "leader";
  if (!holds) {
    health.missing.emplace_back("the lease is not held: only what is past its end is closed");
  }
  const auto unsynced =
      world != nullptr ? world->stores.unsynced() : controllers::Stores().unsynced();
  for (const std::string& kind : unsynced) {
    health.missing.push_back("the objects of kind " + kind + " have not been read yet");
  }
  if (world != nullptr && !world->guard.holds) {
    health.notes.emplace_back("the admission policies are not proven: nothing is granted");
  }
}

}  // namespace

Health judge_health(const Vitals& vitals) {
  Health health{.failed = vitals.failed, .stopping = vitals.stopping};
  if (vitals.elector == nullptr) {
    health.missing.emplace_back("the API server has not said yet who this operator is");
    return health;
  }
  const bool holds = vitals.elector->holds_for(Duration(0));
  if (vitals.world == nullptr && !holds) {
    judge_standby(health, *vitals.elector);
  } else {
    judge_leader(health, holds, vitals.world);
  }
  return health;
}

}  // namespace portcullis::app
