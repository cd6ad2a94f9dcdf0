#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "kube/lease.hpp"
#include "support/fake_transport.hpp"
#include "support/run.hpp"
#include "watch_text.hpp"

namespace portcullis::kube {

/// The API server's side: one Lease with optimistic locking.
struct LeaseServer {
  std::optional<nlohmann::json> lease;
  int version = 100;
  std::vector<std::string> writes;
  std::optional<net::Response> refusal;  ///< what is said to everybody

  net::Response answer(const net::Request& request) {
    if (refusal) return *refusal;
    if (request.method == "GET") return lease ? ok(200) : error(404, "NotFound");
    nlohmann::json body = nlohmann::json::parse(request.body);
    if (request.method == "POST") {
      if (lease) return error(409, "AlreadyExists");
    } else {
      if (!lease) return error(404, "NotFound");
      if (body["metadata"]["resourceVersion"] != (*lease)["metadata"]["resourceVersion"]) {
        return error(409, "Conflict");
      }
    }
    writes.push_back(request.method + " " + body["spec"]["holderIdentity"].get<std::string>());
    store(std::move(body));
    return ok(request.method == "POST" ? 201 : 200);
  }

  void store(nlohmann::json body) {
    body["metadata"]["resourceVersion"] = std::to_string(++version);
    lease = std::move(body);
  }

  net::Response ok(int status) const { return {.status = status, .body = lease->dump()}; }
  static net::Response error(int status, const char* reason) {
    return {.status = status, .body = status_text(status, reason, "why")};
  }
};

/// A process that wants to lead. Its network can be cut, and its answers lost.
struct Candidate {
  test::FakeTransport transport;
  Client client;
  Elector elector;
  bool cut = false;
  bool answers_lost = false;
  int led = 0;
  std::optional<Result<Done>> last;

  Candidate(test::FakeClock& clock, LeaseServer& server, const std::string& identity)
      : transport(clock), client(transport, clock), elector(client, {.identity = identity}, 42) {
    log::configure(log::Level::error, log::Format::text);
    transport.serve = [this, &server](const net::Request& request) -> Result<net::Response> {
      if (cut) return fail(Error::Kind::unavailable, "connection refused");
      auto answer = server.answer(request);
      if (answers_lost) return fail(Error::Kind::timeout, "the deadline passed");
      return answer;
    };
  }

  /// Leads until the lease is lost once, or `stop`.
  Task<void> campaign() {
    last.reset();
    auto got = co_await elector.acquire();
    if (got) {
      ++led;
      got = co_await elector.hold();
    }
    last = got;
  }
};

/// Two candidates of one server. The io_context goes first.
struct LeaseWorld {
  test::FakeClock clock;
  LeaseServer server;
  Candidate one{clock, server, "one"};
  Candidate two{clock, server, "two"};
  asio::io_context io;

  void start(Candidate& candidate) {
    asio::co_spawn(io, candidate.campaign(), [](std::exception_ptr problem) {
      if (problem) std::rethrow_exception(problem);
    });
    test::settle(io);
  }
  void pass(Duration time) { clock.run_for(io, time); }
  nlohmann::json spec() const { return (*server.lease)["spec"]; }
};

}  // namespace portcullis::kube
