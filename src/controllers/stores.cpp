#include "controllers/stores.hpp"

#include "api/decode.hpp"
#include "base/log.hpp"

namespace portcullis::controllers {
namespace {

template <typename T>
kube::Store<T> make_store(const char* kind, Result<T> (*decode)(simdjson::dom::element)) {
  return kube::Store<T>(api::key_of, decode, [kind](const std::string& key, const Error& error) {
    log::error("object not understood, left out",
               {{"kind", kind}, {"key", key}, {"error", error.message}});
  });
}

}  // namespace

Stores::Stores()
    : accounts(make_store<model::CloudAccount>("CloudAccount", api::decode_account)),
      policies(make_store<model::JitPolicy>("JitPolicy", api::decode_policy)),
      requests(make_store<model::AccessRequest>("AccessRequest", api::decode_request)),
      decisions(make_store<model::AccessDecision>("AccessDecision", api::decode_decision)),
      verdicts(make_store<model::AccessVerdict>("AccessVerdict", api::decode_verdict)) {}

std::vector<std::string> Stores::unsynced() const {
  std::vector<std::string> kinds;
  const auto add = [&](const char* kind, bool synced) {
    if (!synced) kinds.emplace_back(kind);
  };
  add("CloudAccount", accounts.synced());
  add("JitPolicy", policies.synced());
  add("AccessRequest", requests.synced());
  add("AccessDecision", decisions.synced());
  add("AccessVerdict", verdicts.synced());
  return kinds;
}

}  // namespace portcullis::controllers
