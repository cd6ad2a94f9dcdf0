#include "app/watches.hpp"

#include "app/identity.hpp"
#include "controllers/resources.hpp"

namespace portcullis::app {

Watches::Watches(kube::Client& client, controllers::Stores& stores, const Spawn& spawn) {
  const auto watch = [&](const kube::Resource& resource, kube::ObjectSink& sink) {
    auto& reflector = reflectors_[resource.kind];
    reflector = std::make_unique<kube::Reflector>(client, resource, sink, random_seed());
    spawn(reflector->run());
  };
  watch(controllers::accounts, stores.accounts);
  watch(controllers::policies, stores.policies);
  watch(controllers::requests, stores.requests);
  watch(controllers::decisions, stores.decisions);
  watch(controllers::verdicts, stores.verdicts);
}

void Watches::stop() {
  for (auto& [kind, reflector] : reflectors_) reflector->stop();
}

std::map<std::string, TimePoint> Watches::last_heard() const {
  std::map<std::string, TimePoint> heard;
  for (const auto& [kind, reflector] : reflectors_) {
    heard.emplace(kind, reflector->stats().last_activity);
  }
  return heard;
}

}  // namespace portcullis::app
