#include "controllers/guard_record.hpp"

namespace portcullis::controllers {
namespace {

using nlohmann::json;
using nlohmann::literals::operator""_json_pointer;

constexpr const char* name = "portcullis-guards";
constexpr const char* fingerprint_key = "portcullis.dev/guards";
constexpr const char* time_key = "portcullis.dev/trusted-from";

const kube::Resource& leases() {
  static const kube::Resource resource{
      .group = "coordination.k8s.io", .version = "v1", .plural = "leases", .kind = "Lease"};
  return resource;
}

std::string text_of(const json& annotations, const char* key) {
  const auto found = annotations.find(key);
  return found != annotations.end() && found->is_string() ? found->get<std::string>()
                                                          : std::string();
}

}  // namespace

Task<Result<std::optional<GuardRecord>>> load_guard_record(kube::Client& client, std::string ns) {
  const auto lease = co_await client.get(leases(), kube::ObjectName{.ns = ns, .name = name});
  if (!lease && lease.error().kind == Error::Kind::not_found) co_return std::nullopt;
  if (!lease) co_return fail(lease.error());
  const auto at = "/metadata/annotations"_json_pointer;
  if (!lease->contains(at) || !lease->at(at).is_object()) co_return std::nullopt;
  const auto time = parse_rfc3339(text_of(lease->at(at), time_key));
  if (!time) co_return std::nullopt;
  co_return GuardRecord{.fingerprint = text_of(lease->at(at), fingerprint_key),
                        .trusted_from = *time};
}

Task<Result<Done>> store_guard_record(kube::Client& client, std::string ns, GuardRecord record) {
  json body = {{"apiVersion", leases().group + "/" + leases().version},
               {"kind", leases().kind},
               {"metadata",
                {{"name", name},
                 {"annotations",
                  {{fingerprint_key, record.fingerprint},
                   {time_key, format_rfc3339(record.trusted_from)}}}}}};
  const auto stored =
      co_await client.apply(leases(), kube::ObjectName{.ns = ns, .name = name}, std::move(body));
  if (!stored) co_return fail(stored.error());
  co_return Done{};
}

}  // namespace portcullis::controllers
