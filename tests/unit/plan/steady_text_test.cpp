#include "plan/steady_text.hpp"

#include <catch2/catch.hpp>

namespace portcullis::plan {
namespace {

const std::string first = "b3f8c1d2-0a1b-4c2d-8e3f-001122334455";
const std::string second = "C4A9D2E3-1B2C-4D3E-9F40-112233445566";

TEST_CASE("Two answers about the same trouble read the same") {
  const auto same = [](const std::string& before, const std::string& a, const std::string& b,
                       const std::string& after) {
    CHECK(steady_text(before + a + after) == steady_text(before + b + after));
    CHECK(steady_text(before + a + after).starts_with(before));
    CHECK(steady_text(before + a + after).ends_with(after));
  };
  same("Internal error. Tracking ID: ", first, second, " Call again.");
  same("request correlation id '", first, second, "'.");
  same("at ", "2026-11-23 05:27:49Z", "2026-11-23 06:00:00Z", "");
  same("timestamp '", "20261123T052749Z", "20261123T060000.123Z", "', retry");
  same("", "2026-11-23T05:27:49.1234567Z", "2026-11-23T05:27:50+00:00", " failed");
  same("since ", "11/23/2026 5:27:49 AM", "1/2/2027 11:00:00 PM", ".");
}

TEST_CASE("What an id names can be told") {
  const std::string text = "The client '" + first + "' with object id '" + second +
                           "' may not read '/subscriptions/" + first +
                           "/resourceGroups/web' of subscription '" + second +
                           "'; application with identifier '" + first + "'";
  CHECK(steady_text(text) == text);
  CHECK(steady_text("").empty());
  CHECK(steady_text("503 by nobody, port 22, 10.0.0.4") == "503 by nobody, port 22, 10.0.0.4");
}

}  // namespace
}  // namespace portcullis::plan
