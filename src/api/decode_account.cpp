#include "api/decode.hpp"
#include "api/decode_parts.hpp"

namespace portcullis::api {
namespace {

model::Band read_band(const Reader& spec, std::string_view name, model::Band fallback) {
  const auto bands = spec.object_if("priorities");
  const auto band = bands ? bands->object_if(name) : std::nullopt;
  if (!band) return fallback;
  const auto from = band->integer("from");
  const auto to = band->integer("to");
  if (from < 100 || to > 4096 || from > to) {
    band->reject("from", "must be a range inside 100 to 4096");
  }
  return {.from = static_cast<int>(from), .to = static_cast<int>(to)};
}

model::Credential read_credential(const Reader& azure) {
  const std::string text = azure.text_or("credential", "WorkloadIdentity");
  if (text == "WorkloadIdentity") return model::Credential::workload_identity;
  if (text == "ManagedIdentity") return model::Credential::managed_identity;
  if (text == "ClientSecret") return model::Credential::client_secret;
  azure.reject("credential", "is unknown: " + text);
}

model::CloudAccount read_account(const Reader& object) {
  model::CloudAccount account;
  account.meta = read_meta(object);
  account.status = read_status(object);
  const Reader spec = object.object("spec");
  if (spec.text("provider") != "Azure") spec.reject("provider", "must be Azure");
  const Reader azure = spec.object("azure");
  account.subscription = azure.text("subscriptionID");
  account.tenant = azure.text("tenantID");
  account.environment = azure.text_or("environment", "AzurePublic");
  account.credential = read_credential(azure);
  account.client_id = azure.text_or("clientID", "");
  spec.each("access", [&](const Reader& entry) {
    account.access.push_back({.namespaces = entry.texts("namespaces"),
                              .resource_groups = entry.texts("resourceGroups")});
  });
  spec.refuse_empty("networkResourceGroups", "those of the machines");
  account.network_resource_groups = spec.texts("networkResourceGroups");
  const model::Bands standard;
  account.priorities = {.shutters = read_band(spec, "shutters", standard.shutters),
                        .grants = read_band(spec, "grants", standard.grants),
                        .locks = read_band(spec, "locks", standard.locks)};
  account.freeze = spec.flag_or("freeze", false);
  account.delete_orphans = spec.text_or("orphans", "Delete") == "Delete";
  return account;
}

}  // namespace

Result<model::CloudAccount> decode_account(simdjson::dom::element object) {
  return guarded(object, read_account);
}

}  // namespace portcullis::api
