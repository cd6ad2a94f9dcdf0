#include "cloud/arm_error.hpp"

#include <catch2/catch.hpp>

#include "azure_fixture.hpp"
#include "cloud/retry_after.hpp"

using namespace portcullis;
using namespace portcullis::test;
using namespace std::chrono_literals;
using Kind = Error::Kind;

namespace {

const TimePoint now = parse_rfc3339("2026-11-22T18:45:00Z").value();

Error classify(const net::Response& answer) {
  return cloud::classify_answer(answer, "PUT securityRules/web", Secret(canary_token), now);
}

std::string detail(const std::string& code) {
  return "[{\"code\":\"" + code + "\",\"message\":\"because of " + code + "\"}]";
}

Error ended(const std::string& body, const std::string& status) {
  const auto document = cloud::json::Document::parse(body).value();
  return cloud::classify_operation(cloud::read_fault(document.root()), "PUT securityRules/web",
                                   status, Secret(canary_token));
}

}  // namespace

TEST_CASE("a code decides what an answer means, wherever it stands") {
  struct Row {
    int status;
    std::string body;
    Kind kind;
    std::string code;
  };
  const auto row = GENERATE(values<Row>({
      {400, error_body("SecurityRuleConflict"), Kind::conflict, "SecurityRuleConflict"},
      {400, error_body("InvalidParameter"), Kind::invalid, "InvalidParameter"},
      {400, error_body("InvalidRequestFormat", "x", detail("MissingJsonPropertyOfObject")),
       Kind::invalid, "MissingJsonPropertyOfObject"},
      {401, error_body("InvalidAuthenticationToken"), Kind::unauthorized,
       "InvalidAuthenticationToken"},
      {403, error_body("AuthorizationFailed"), Kind::forbidden, "AuthorizationFailed"},
      {403, error_body("LinkedAuthorizationFailed"), Kind::forbidden, "LinkedAuthorizationFailed"},
      {403, error_body("RequestDisallowedByPolicy"), Kind::locked, "RequestDisallowedByPolicy"},
      {403, error_body("DenyAssignmentAuthorizationFailed"), Kind::locked,
       "DenyAssignmentAuthorizationFailed"},
      {404, error_body("NotFound"), Kind::not_found, "NotFound"},
      {404, error_body("ResourceNotFound"), Kind::not_found, "ResourceNotFound"},
      {404, error_body("ResourceGroupNotFound"), Kind::not_found, "ResourceGroupNotFound"},
      {404, error_body("SubscriptionNotFound"), Kind::forbidden, "SubscriptionNotFound"},
      {404, error_body("InvalidResourceType"), Kind::invalid, "InvalidResourceType"},
      {409, error_body("ScopeLocked"), Kind::locked, "ScopeLocked"},
      {409, error_body("AnotherOperationInProgress"), Kind::busy, "AnotherOperationInProgress"},
      {409, error_body("ConflictingConcurrentWriteNotAllowed"), Kind::busy,
       "ConflictingConcurrentWriteNotAllowed"},
      {409, error_body("MissingSubscriptionRegistration"), Kind::invalid,
       "MissingSubscriptionRegistration"},
      {412, error_body("PreconditionFailed", "x", detail("PreconditionFailedEtagMismatch")),
       Kind::conflict, "PreconditionFailed"},
      {429, error_body("RetryableError", "x", detail("RetryableErrorDueToAnotherOperation")),
       Kind::busy, "RetryableErrorDueToAnotherOperation"},
      {429, error_body("RetryableError", "x", detail("ReferencedResourceNotProvisioned")),
       Kind::busy, "ReferencedResourceNotProvisioned"},
      {429, error_body("TooManyRequests"), Kind::throttled, "TooManyRequests"},
      {429, error_body("SubscriptionRequestsThrottled"), Kind::throttled,
       "SubscriptionRequestsThrottled"},
      {429, error_body("SomethingNew"), Kind::throttled, "SomethingNew"},
      {500, error_body("InternalServerError"), Kind::unavailable, "InternalServerError"},
      {503, error_body("ServerBusy"), Kind::unavailable, "ServerBusy"},
      {404, R"({"code":"NotFound","message":"no wrapping"})", Kind::not_found, "NotFound"},
      {429, error_body("retryableerror", "x", detail("retryableerrorduetoanotheroperation")),
       Kind::busy, "retryableerrorduetoanotheroperation"},
  }));
  const Error error = classify(response(row.status, row.body));
  INFO(row.status << " " << row.body);
  CHECK(std::string(to_string(error.kind)) == to_string(row.kind));
  CHECK(error.code == row.code);
  CHECK(error.status == row.status);
}

TEST_CASE("a code may stand in the header alone") {
  const Error error =
      classify(response(409, "", {{"X-Ms-Error-Code", "AnotherOperationInProgress"}}));
  CHECK(error.kind == Kind::busy);
  CHECK(error.code == "AnotherOperationInProgress");
  CHECK(error.message == "PUT securityRules/web: 409 AnotherOperationInProgress");
}

TEST_CASE("without a code the status decides, and 404 proves nothing") {
  struct Row {
    int status;
    Kind kind;
  };
  const auto row = GENERATE(values<Row>({{400, Kind::malformed},
                                         {401, Kind::unauthorized},
                                         {403, Kind::forbidden},
                                         {404, Kind::unavailable},
                                         {408, Kind::unavailable},
                                         {412, Kind::conflict},
                                         {418, Kind::malformed},
                                         {429, Kind::throttled},
                                         {500, Kind::unavailable},
                                         {502, Kind::unavailable},
                                         {504, Kind::unavailable},
                                         {301, Kind::malformed},
                                         {307, Kind::malformed}}));
  const std::string body = GENERATE("", "<html><body>Sorry\r\n</body></html>", "[]", "null",
                                    R"({"error":"text"})", R"({"error":{"code":7}})");
  INFO(row.status << " " << body);
  const Error error = classify(response(row.status, body));
  CHECK(std::string(to_string(error.kind)) == to_string(row.kind));
  CHECK(error.code.empty());
}

TEST_CASE("a message holds an excerpt, no control characters and no token") {
  const std::string page = "<html>\x01\x1b[2J<pre>Authorization: Bearer " + canary_token +
                           "</pre>\n" + std::string(1u << 20, 'x');
  const Error error = classify(response(502, page));
  CHECK(error.message.size() < 200);
  CHECK_THAT(error.message, Catch::Contains("Authorization: Bearer [hidden]"));
  CHECK(std::ranges::all_of(error.message, [](char c) { return c >= 0x20 && c < 0x7f; }));

  const Error told = classify(response(400, error_body("Bad", "header was " + canary_token)));
  CHECK(told.message == "PUT securityRules/web: 400 Bad: header was [hidden]");
}

TEST_CASE("what is in the way is named, however long the id of what was asked for is") {
  const std::string scope =
      "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg-network-production/"
      "providers/Microsoft.Network/networkSecurityGroups/nsg-frontend-production-westeurope";
  const Error error = classify(response(
      409, error_body("ScopeLocked",
                      "The scope '" + scope +
                          "/securityRules/portcullis-worldlab-open-47oyvyj6owourntksw7o' cannot "
                          "perform delete operation because following scope(s) are locked: '" +
                          scope + "'. Please remove the lock and try again.")));
  CHECK_THAT(error.message, Catch::Contains("are locked: '" + scope + "'"));
}

TEST_CASE("a code with anything but word characters cannot forge a line") {
  const Error error = classify(response(400, error_body("a b\\nlevel=info", "x")));
  CHECK(error.code == "a?b?level?info");
}

TEST_CASE("nested details deeper than anybody sends them are not followed for ever") {
  std::string details = "[]";
  for (int i = 0; i < 12; ++i) details = R"([{"code":"Deep","details":)" + details + "}]";
  CHECK(classify(response(400, error_body("Outer", "x", details))).code == "Deep");
}

TEST_CASE("Retry-After is seconds or a date, and never trusted beyond reason") {
  struct Row {
    std::optional<std::string> header;
    Duration pause;
  };
  const auto row = GENERATE(values<Row>({
      {std::nullopt, 5s},
      {"17", 17s},
      {"0", 5s},
      {"-1", 5s},
      {"60", 60s},
      {"299", 299s},
      {"301", 5min},
      {"1000000000", 5min},
      {"99999999999999999999999", 5min},
      {"-99999999999999999999999", 5s},
      {"soon", 5s},
      {"", 5s},
      {"1e9", 5s},
      {"Sun, 22 Nov 2026 18:45:30 GMT", 30s},
      {"Sun, 22 Nov 2026 18:44:30 GMT", 5s},
      {"Thu, 22 Nov 2046 18:45:30 GMT", 5min},
  }));
  net::Headers headers;
  if (row.header) headers.push_back({"Retry-After", *row.header});
  INFO(row.header.value_or("absent"));
  CHECK(classify(response(429, "", headers)).retry_after == row.pause);
}

TEST_CASE("a date in Retry-After is measured by the server's own clock") {
  const net::Headers headers = {{"Date", "Sun, 22 Nov 2026 10:00:00 GMT"},
                                {"Retry-After", "Sun, 22 Nov 2026 10:00:20 GMT"}};
  CHECK(classify(response(429, "", headers)).retry_after == 20s);
}

TEST_CASE("a server that is not well may say when to come back, a lock is no such word") {
  CHECK(classify(response(503, "", {{"Retry-After", "3600"}})).retry_after == 5min);
  CHECK_FALSE(classify(response(503)).retry_after);
  // What cannot be understood is no word: else it would be asked again each second.
  const std::string nonsense = GENERATE("soon", "", "0", "-1", "1e9");
  CHECK_FALSE(classify(response(503, "", {{"Retry-After", nonsense}})).retry_after);
  CHECK_FALSE(
      classify(response(429, error_body("RetryableError"), {{"Retry-After", "10"}})).retry_after);
}

TEST_CASE("a failed operation is classed by its code, not by its HTTP status of 200") {
  const Error superseded = ended(
      R"({"status":"Canceled","error":{"code":"Canceled","message":"Operation was canceled.",)"
      R"("details":[{"code":"CanceledAndSupersededDueToAnotherOperation","message":"by g2"}]}})",
      "Canceled");
  CHECK(superseded.kind == Kind::conflict);
  CHECK(superseded.code == "CanceledAndSupersededDueToAnotherOperation");
  CHECK(superseded.message ==
        "PUT securityRules/web: the operation ended as Canceled "
        "(CanceledAndSupersededDueToAnotherOperation): by g2");
  CHECK(ended(R"({"status":"Failed","error":{"code":"SecurityRuleConflict"}})", "Failed").kind ==
        Kind::conflict);
  CHECK(ended(R"({"status":"Failed","error":{"code":"InternalServerError"}})", "Failed").kind ==
        Kind::unavailable);
  CHECK(ended(R"({"status":"Failed"})", "Failed").code == "Failed");
  CHECK(ended(R"({"status":"Canceled"})", "Canceled").kind == Kind::conflict);
}
