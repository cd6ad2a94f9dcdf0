#include "app/cluster_check.hpp"

#include <fmt/format.h>

#include "api/decode.hpp"
#include "api/encode.hpp"
#include "app/cluster_expectations.hpp"
#include "controllers/guard_reading.hpp"
#include "controllers/resources.hpp"
#include "kube/listing.hpp"

namespace portcullis::app {
namespace {

using nlohmann::json;

const kube::Resource crd_resource{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                  "CustomResourceDefinition", false};
const kube::Resource lease_resource{"coordination.k8s.io", "v1", "leases", "Lease"};

/// What the API server says of a service account without being asked.
kube::UserInfo user_of(const std::string& name) {
  kube::UserInfo user{.username = name, .groups = {"system:authenticated"}};
  const std::string prefix = "system:serviceaccount:";
  const auto colon = name.rfind(':');
  if (!name.starts_with(prefix) || colon < prefix.size()) return user;
  user.groups.push_back("system:serviceaccounts");
  user.groups.push_back("system:serviceaccounts:" +
                        name.substr(prefix.size(), colon - prefix.size()));
  return user;
}

}  // namespace

ClusterCheck::ClusterCheck(Connection& connection, SystemClock& clock, std::string ns,
                           std::string operator_user, Tell tell)
    : connection_(connection),
      client_(*connection.client),
      clock_(clock),
      ns_(std::move(ns)),
      operator_user_(std::move(operator_user)),
      tell_(std::move(tell)) {}

Task<bool> ClusterCheck::run() {
  if (!co_await server()) co_return false;
  co_await crds();
  co_await guards();
  co_await rights();
  co_await lease();
  co_return true;
}

Task<Result<json>> ClusterCheck::get(std::string path) {
  const auto answer = co_await client_.call({.target = std::move(path)});
  if (!answer) co_return fail(answer.error());
  auto document = json::parse(answer->body, nullptr, false);
  if (!document.is_object()) co_return fail(Error::Kind::malformed, "no JSON object was answered");
  co_return document;
}

Task<bool> ClusterCheck::server() {
  const std::string where = net::to_string(connection_.config.origin);
  const auto version = co_await get("/version");
  if (!version) {
    tell_(failed("api server", where + ": " + version.error().message,
                 version.error().kind == Error::Kind::unauthorized
                     ? "the user, certificate or token of the kubeconfig"
                     : "address, CA and context of the kubeconfig; is the server up?"));
    co_return false;
  }
  tell_(judge_version(*version, where));
  const auto me = co_await client_.who_am_i();
  if (!me) {
    tell_(
        failed("identity", me.error().message, "the user, certificate or token of the kubeconfig"));
    co_return false;
  }
  me_ = me->username;
  tell_(ok("identity", me_ == operator_user_
                           ? "this is " + me_ + ", as the operator"
                           : "this is " + me_ + "; the operator is taken to be " + operator_user_));
  if (clock_.heard_a_date()) tell_(judge_clock(clock_.skew()));
  co_return true;
}

Task<Done> ClusterCheck::crds() {
  const auto served = co_await get(std::string("/apis/") + api::group + "/" + api::version);
  for (const auto& [name, shipped] : shipped_crds()) {
    const auto seen = co_await client_.get(crd_resource, {.name = name});
    tell_(judge_crd(name, shipped, served, seen));
  }
  co_return Done{};
}

Task<Done> ClusterCheck::guards() {
  const controllers::GuardBook book(controllers::shipped_guards(operator_user_));
  const auto reading = co_await controllers::read_guards(client_, book);
  if (!reading) {
    tell_(not_checked("admission", reading.error().message,
                      "run it with the operator's own kubeconfig, or as an admin"));
  } else if (const auto problem = book.find_problem(reading->look(), reading->mutating)) {
    tell_(failed("admission", *problem + ": nothing is granted",
                 mend_guards(reading->mutating, operator_user_)));
  } else {
    tell_(ok("admission", reading->mutating ? "policies and bindings are as shipped"
                                            : "the checks are as shipped; nothing stamps"));
  }
  co_return Done{};
}

Task<Done> ClusterCheck::rights() {
  std::vector<Right> rights;
  for (kube::AccessAttributes& asked : shipped_rights(ns_)) {
    // Everybody may ask about themselves, and only some about others.
    auto answer = me_ == operator_user_ ? co_await client_.may_i(asked)
                                        : co_await client_.may(user_of(operator_user_), asked);
    const bool answered = answer.has_value();
    rights.push_back({.asked = std::move(asked), .answer = std::move(answer)});
    if (!answered) break;
  }
  for (Finding& finding : judge_rights(rights, operator_user_)) tell_(std::move(finding));
  co_return Done{};
}

Task<Done> ClusterCheck::lease() {
  const auto lease = co_await client_.get(lease_resource, {.ns = ns_, .name = "portcullis"});
  tell_(judge_lease(lease, ns_, clock_.now()));
  co_return Done{};
}

Task<std::vector<model::CloudAccount>> ClusterCheck::accounts() {
  std::vector<model::CloudAccount> accounts;
  Findings findings;
  const auto read = co_await kube::list_objects(
      client_, controllers::accounts, [&](simdjson::dom::element object) {
        const std::string subject = "account " + api::key_of(object);
        auto account = api::decode_account(object);
        if (account) {
          accounts.push_back(std::move(*account));
        } else {
          findings.push_back(failed(subject, "cannot be understood: " + account.error().message,
                                    "mend the object, or the CRD of another version"));
        }
      });
  for (Finding& finding : findings) tell_(std::move(finding));
  if (!read) {
    tell_(not_checked("accounts", read.error().message, "the CRDs, or your rights"));
  } else if (accounts.empty() && findings.empty()) {
    tell_(warn("accounts", "there is no CloudAccount", "apply one: manifests/samples"));
  }
  co_return accounts;
}

Task<Done> ClusterCheck::policies() {
  std::size_t ready = 0;
  Findings findings;
  const auto read = co_await kube::list_objects(
      client_, controllers::policies, [&](simdjson::dom::element object) {
        const std::string key = api::key_of(object);
        auto finding = judge_ready("policy " + key, json::parse(simdjson::minify(object)),
                                   "kubectl describe jitp -n " + key.substr(0, key.find('/')) +
                                       " " + key.substr(key.find('/') + 1));
        if (finding.level == Finding::Level::ok) {
          ++ready;
        } else {
          findings.push_back(std::move(finding));
        }
      });
  if (!read) {
    tell_(not_checked("policies", read.error().message, "the CRDs, or your rights"));
    co_return Done{};
  }
  const std::size_t all = ready + findings.size();
  for (Finding& finding : findings) tell_(std::move(finding));
  if (all == 0) {
    tell_(warn("policies", "there is no JitPolicy: nothing is locked",
               "apply one: manifests/samples"));
  } else if (ready == all) {
    tell_(ok("policies", fmt::format("all {} are Ready", all)));
  }
  co_return Done{};
}

}  // namespace portcullis::app
