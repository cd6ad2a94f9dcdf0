#include "kube/watch_state.hpp"

#include <catch2/catch.hpp>

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using Kind = Error::Kind;

StreamEnd refused(Kind kind, int status, std::string message = "") {
  return {.error = Error{.kind = kind, .message = std::move(message), .status = status}};
}

StreamEnd broken(Kind kind, Duration lived, int status = 0) {
  return {.error = Error{.kind = kind, .message = "", .status = status},
          .opened = true,
          .by_event = status != 0,
          .lived = lived};
}

TEST_CASE("What follows the end of a watch") {
  const Step at_once{Phase::watch, false};
  const Step same_version{Phase::watch, true};
  const Step list{Phase::stream_list, true};
  struct Row {
    const char* what;
    StreamEnd end;
    Step step;
  };
  const auto row = GENERATE_COPY(values<Row>({
      {"clean end after a second", {.opened = true, .lived = 1s}, at_once},
      {"clean end after an event", {.opened = true, .advanced = true}, at_once},
      {"clean end at once, nothing came", {.opened = true, .lived = 999ms}, list},
      {"connection lost", broken(Kind::unavailable, 5s), at_once},
      {"connection lost at once", broken(Kind::unavailable, 0s), list},
      {"silence", broken(Kind::timeout, 150s), at_once},
      {"connection refused", refused(Kind::unavailable, 0), same_version},
      {"no answer to the open", refused(Kind::timeout, 0), same_version},
      {"429 at the open", refused(Kind::throttled, 429), same_version},
      {"503 at the open", refused(Kind::unavailable, 503), same_version},
      {"410 at the open", refused(Kind::expired, 410), list},
      {"future version at the open", refused(Kind::timeout, 504), list},
      {"500 at the open", refused(Kind::unavailable, 500), list},
      {"403 at the open", refused(Kind::forbidden, 403), list},
      {"404 at the open", refused(Kind::not_found, 404), list},
      {"ERROR 410", broken(Kind::expired, 9s, 410), list},
      {"ERROR 429", broken(Kind::throttled, 9s, 429), same_version},
      {"ERROR 500", broken(Kind::unavailable, 9s, 500), list},
      {"ERROR 503", broken(Kind::unavailable, 9s, 503), list},
      {"nonsense", broken(Kind::malformed, 9s), list},
  }));
  INFO(row.what);
  CHECK(step_after(Phase::watch, row.end) == row.step);
}

TEST_CASE("What follows the end of a streaming list that did not come to its mark") {
  const Step again{Phase::stream_list, true};
  const Step pages{Phase::page_list, true};
  struct Row {
    const char* what;
    StreamEnd end;
    Step step;
  };
  const std::string field =
      "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch";
  const auto row = GENERATE_COPY(values<Row>({
      {"unknown to the server", refused(Kind::invalid, 422, field), {Phase::page_list, false}},
      {"bad to the server", refused(Kind::invalid, 400, field), {Phase::page_list, false}},
      {"forbidden by the server", refused(Kind::forbidden, 403, field), {Phase::page_list, false}},
      {"no right", refused(Kind::forbidden, 403), again},
      {"no such kind yet", refused(Kind::not_found, 404), again},
      {"connection refused", refused(Kind::unavailable, 0), again},
      {"no answer", refused(Kind::timeout, 0), again},
      {"429", refused(Kind::throttled, 429), again},
      {"503", refused(Kind::unavailable, 503), again},
      {"500", refused(Kind::unavailable, 500), pages},
      {"422 for another reason", refused(Kind::invalid, 422), pages},
      {"clean end", {.opened = true, .lived = 5s}, pages},
      {"connection lost", broken(Kind::unavailable, 5s), again},
      {"stuck", broken(Kind::timeout, 30s), pages},
      {"nonsense", broken(Kind::malformed, 0s), pages},
      {"ERROR 410", broken(Kind::expired, 0s, 410), pages},
  }));
  INFO(row.what);
  CHECK(step_after(Phase::stream_list, row.end) == row.step);
}

TEST_CASE("Only a refusal that names the parameter is one of the feature") {
  const Error named{.kind = Kind::invalid, .message = "sendInitialEvents: no", .status = 422};
  CHECK(refuses_stream_list(named));
  Error error = named;
  error.status = 500;
  CHECK_FALSE(refuses_stream_list(error));
  error = named;
  error.message = "no";
  CHECK_FALSE(refuses_stream_list(error));
}

}  // namespace
}  // namespace portcullis::kube
