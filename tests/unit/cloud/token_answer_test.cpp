#include "cloud/token_answer.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace portcullis::cloud {
namespace {

std::string refusal(const std::string& separator, const std::string& trace) {
  const nlohmann::json body = {
      {"error", "invalid_client"},
      {"error_description", "AADSTS7000215: Invalid client secret provided." + separator +
                                "Trace ID: " + trace + separator + "Correlation ID: " + trace +
                                separator + "Timestamp: 2026-11-23 05:27:4" + trace + "Z"}};
  const auto answer = read_token_answer({.status = 401, .body = body.dump()}, "login",
                                        Secret("what was sent"), TimePoint{});
  REQUIRE_FALSE(answer);
  return answer.error().message;
}

TEST_CASE("A refusal reads the same each time, in one line or in several") {
  for (const std::string separator : {" ", "\r\n", "\n"}) {
    CHECK(refusal(separator, "1") == refusal(separator, "2"));
    CHECK(refusal(separator, "1") ==
          "login answered 401: AADSTS7000215: Invalid client secret provided.");
  }
}

}  // namespace
}  // namespace portcullis::cloud
