#include "controllers/notifier.hpp"

#include "base/log.hpp"

namespace portcullis::controllers {

void announce(kube::EventSender& events, const Transition& transition) {
  log::info("transition", {{"kind", transition.resource.kind},
                           {"key", transition.meta.key()},
                           {"uid", transition.meta.uid},
                           {"from", transition.from},
                           {"to", transition.to},
                           {"reason", transition.reason},
                           {"who", transition.who},
                           {"message", transition.message}});
  events.send({.resource = transition.resource,
               .name = {transition.meta.ns, transition.meta.name},
               .uid = transition.meta.uid,
               .warning = transition.warning,
               .reason = transition.reason,
               .action = transition.to,
               .note = transition.message});
}

}  // namespace portcullis::controllers
