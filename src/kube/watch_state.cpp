#include "kube/watch_state.hpp"

namespace portcullis::kube {
namespace {

using Kind = Error::Kind;

/// Shorter streams that brought nothing are what a server does that has lost our version: with core
/// Events it closes at once, without an error.
constexpr Duration shortest_stream() { return std::chrono::seconds(1); }

bool is_connection_trouble(const Error& error) {
  return error.status == 0 && (error.kind == Kind::unavailable || error.kind == Kind::timeout);
}

bool asks_to_wait(const Error& error) {
  return error.kind == Kind::throttled || error.status == 503;
}

Step after_stream_list(const StreamEnd& end) {
  if (!end.error) return {Phase::page_list, true};
  const Error& error = *end.error;
  if (!end.opened && refuses_stream_list(error)) return {Phase::page_list, false};
  const bool same_again = is_connection_trouble(error)
                              ? !(end.opened && error.kind == Kind::timeout)
                              : asks_to_wait(error) || error.kind == Kind::unauthorized ||
                                    error.kind == Kind::forbidden || error.kind == Kind::not_found;
  return {same_again ? Phase::stream_list : Phase::page_list, true};
}

Step after_watch(const StreamEnd& end) {
  const Step list_again{Phase::stream_list, true};
  const bool was_useful = end.advanced || end.lived >= shortest_stream();
  if (!end.error) return was_useful ? Step{Phase::watch, false} : list_again;
  const Error& error = *end.error;
  if (is_connection_trouble(error)) {
    if (!end.opened) return {Phase::watch, true};
    return was_useful ? Step{Phase::watch, false} : list_again;
  }
  return asks_to_wait(error) && !end.by_event ? Step{Phase::watch, true}
         : error.kind == Kind::throttled      ? Step{Phase::watch, true}
                                              : list_again;
}

}  // namespace

Step step_after(Phase phase, const StreamEnd& end) {
  return phase == Phase::watch ? after_watch(end) : after_stream_list(end);
}

bool refuses_stream_list(const Error& error) {
  return (error.status == 400 || error.status == 403 || error.status == 422) &&
         error.message.find("sendInitialEvents") != std::string::npos;
}

}  // namespace portcullis::kube
