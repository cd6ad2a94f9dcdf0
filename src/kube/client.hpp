#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/asio.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "kube/user_info.hpp"
#include "net/http.hpp"

namespace portcullis::kube {

/// A resource of the API server: what stands in its URLs.
struct Resource {
  std::string group;  ///< empty: the core group
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
};

struct ObjectName {
  std::string ns{};  ///< empty for cluster-scoped resources
  std::string name;

  auto operator<=>(const ObjectName&) const = default;
};

/// "namespace/name", or "name" for cluster-scoped objects: the key under which stores keep them.
std::string to_key(const ObjectName& name);

/// How long one call may take by default, repetitions included: less than the rest of a lease under
/// which something is still written.
constexpr Duration call_deadline() { return std::chrono::seconds(8); }

struct WriteOptions {
  bool dry_run = false;
  std::string subresource{};  ///< "status", or empty
  Duration deadline = call_deadline();
};

struct Preconditions {
  std::string uid{};
  std::string resource_version{};
};

struct AccessAttributes {
  std::string group;
  std::string resource;
  std::string subresource{};
  std::string ns{};
  std::string name{};
  std::string verb;
};

/// Bearer tokens that may rotate. Returns the one to send now; empty when the connection itself
/// says who we are (client certificate).
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual Result<Secret> token() = 0;
  /// The server answered 401 to what `token` gave: read it again before the next request.
  virtual void reject() = 0;
};

/// Calls to one API server. Errors are classed by the Status body's reason first, the HTTP code
/// second; their message is the server's own, `code` its reason (`ResourceVersionTooLarge` where
/// the Status gives that cause). Errors carry `retry_after` if the server sent one; 429, 503 and
/// 504 with a Retry-After are repeated here (at most five times, within the deadline), since the
/// server did not act on them. Writes are otherwise sent once: after `timeout` and `unavailable`
/// they may have had their effect. Field manager "portcullis"; unknown fields are refused
/// (`fieldValidation=Strict`). A name that cannot stand in a path is `invalid` and never sent.
class Client {
 public:
  /// All outlive the client. `date_origin` names the server whose dates the clock is told; empty:
  /// they are not, as nobody vouches for them without TLS.
  Client(net::Transport& transport, Clock& clock, TokenSource* tokens = nullptr,
         std::string date_origin = "");

  Task<Result<nlohmann::json>> get(Resource resource, ObjectName name,
                                   Duration deadline = call_deadline());

  /// `body` is the whole object; its metadata.namespace is filled in.
  Task<Result<nlohmann::json>> create(Resource resource, std::string ns, nlohmann::json body,
                                      WriteOptions options = {});

  /// RFC 7386. Put metadata.resourceVersion into the patch to make it conditional (409 `conflict`).
  Task<Result<nlohmann::json>> merge_patch(Resource resource, ObjectName name, nlohmann::json patch,
                                           WriteOptions options = {});

  /// RFC 6902. A failed `test` is `conflict`.
  Task<Result<nlohmann::json>> json_patch(Resource resource, ObjectName name, nlohmann::json patch,
                                          WriteOptions options = {});

  /// Server-side apply, forced.
  Task<Result<nlohmann::json>> apply(Resource resource, ObjectName name, nlohmann::json body,
                                     WriteOptions options = {});

  /// PUT with metadata.resourceVersion in the body (Leases).
  Task<Result<nlohmann::json>> replace(Resource resource, ObjectName name, nlohmann::json body,
                                       Duration deadline = call_deadline());

  /// One that is already gone is `not_found`; a precondition that does not hold is `conflict`.
  Task<Result<Done>> remove(Resource resource, ObjectName name, Preconditions preconditions = {});

  /// Whether the user may. An evaluation error is an Error, never a yes; so is a user without a
  /// name.
  Task<Result<bool>> may(UserInfo user, AccessAttributes attributes);

  /// Whether this client may. No right is needed to ask.
  Task<Result<bool>> may_i(AccessAttributes attributes);

  /// Who this client is.
  Task<Result<UserInfo>> who_am_i();

  net::Transport& transport() { return transport_; }
  TokenSource* tokens() { return tokens_; }
  Clock& clock() { return clock_; }

  /// Request with authorization, classed errors, `Date` observed; for the reflector and odd paths.
  Task<Result<net::Response>> call(net::Request request, Duration deadline = call_deadline());

  /// Like `call`, for a body to be read piece by piece; not repeated but once after a 401.
  /// `deadline` bounds the time to the head of the answer.
  Task<Result<std::unique_ptr<net::BodyStream>>> open(net::Request request, Duration deadline);

  /// Runs `what` each time the server answers again after it did not, as long as the handle lives:
  /// nobody need wait longer for that. `what` must not destroy the client.
  using Listening = std::shared_ptr<const std::function<void()>>;
  Listening when_back(std::function<void()> what);

  /// Each answer that this client has tells `other`, a client of the same server that lives longer,
  /// that the server answers: who listens there is told if it did not before.
  void tell(Client& other) { told_ = &other; }

  /// We are stopping: from now on nobody waits for a Retry-After; who does gets the answer that
  /// asked for it.
  void hurry();

 private:
  struct Form {
    const char* method;
    const char* content_type;
  };
  Task<Result<nlohmann::json>> write(Form form, std::string target, nlohmann::json body,
                                     WriteOptions options);
  Result<Done> authorize(net::Request& request);
  void observe_date(const net::Headers& headers);
  void note_answer(bool answered);
  Task<void> wait(Duration pause);

  bool hurried_ = false;
  bool silent_ = false;  ///< the last call got no answer
  Client* told_ = nullptr;
  std::vector<std::weak_ptr<const std::function<void()>>> listeners_;
  std::vector<std::weak_ptr<Wake>> waiting_;  ///< of those who wait for a Retry-After
  net::Transport& transport_;
  Clock& clock_;
  TokenSource* tokens_;
  std::string date_origin_;
};

/// "/apis/portcullis.dev/v1alpha1/namespaces/team-a/jitpolicies/prod-ssh"; empty parts are left
/// out.
std::string resource_path(const Resource& resource, const ObjectName& name);

}  // namespace portcullis::kube
