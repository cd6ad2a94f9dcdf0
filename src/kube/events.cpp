#include "kube/events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/log.hpp"

namespace portcullis::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t queue_limit = 1000;
constexpr std::size_t note_limit = 1000;  ///< the server's is 1,024 bytes
constexpr std::size_t word_limit = 128;
constexpr Duration send_deadline = 2s;

const Resource& events() {
  static const Resource resource{
      .group = "events.k8s.io", .version = "v1", .plural = "events", .kind = "Event"};
  return resource;
}

/// At most `limit` bytes, without a torn character at the end.
std::string cut(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

std::string namespace_of(const EventNote& note) {
  return note.name.ns.empty() ? "default" : note.name.ns;
}

}  // namespace

EventSender::EventSender(Client& client, std::string instance)
    : client_(client),
      instance_(cut(instance, word_limit)),
      count_(std::hash<std::string>()(instance_)) {}

void EventSender::send(EventNote note) {
  if (stopped_) return;
  if (queue_.size() == queue_limit) {
    queue_.pop_front();
    ++dropped_;
  }
  queue_.push_back({.note = std::move(note), .when = client_.clock().now()});
  wake_.notify();
}

void EventSender::stop() {
  if (stopped_) return;
  stopped_ = true;
  last_chance_ = client_.clock().boot_now() + send_deadline;
  wake_.notify();
}

Task<void> EventSender::run() {
  for (;;) {
    Clock& clock = client_.clock();
    while (queue_.empty() && !stopped_) co_await clock.sleep_for(24h, &wake_);
    if (queue_.empty()) co_return;
    Duration deadline = send_deadline;
    if (stopped_) deadline = std::min(deadline, last_chance_ - clock.boot_now());
    if (deadline <= 0ms) break;
    Queued first = std::move(queue_.front());
    queue_.pop_front();
    co_await deliver(std::move(first), deadline);
  }
  log::debug("Events were left unsent", {{"count", queue_.size()}});
  dropped_ += queue_.size();
  queue_.clear();
}

Task<void> EventSender::deliver(Queued queued, Duration deadline) {
  WriteOptions options;
  options.deadline = deadline;
  const auto sent =
      co_await client_.create(events(), namespace_of(queued.note), to_json(queued), options);
  if (sent) co_return;
  ++dropped_;
  log::debug("Event not sent", {{"reason", queued.note.reason},
                                {"object", to_key(queued.note.name)},
                                {"error", to_string(sent.error().kind)},
                                {"message", sent.error().message}});
}

/// The name is ours, not the server's choice: a repeated POST then cannot make two of one.
json EventSender::to_json(const Queued& queued) {
  const EventNote& note = queued.note;
  const auto nanos =
      static_cast<std::uint64_t>(queued.when.time_since_epoch().count()) * 1'000'000 +
      ++count_ % 1'000'000;
  const Resource& resource = note.resource;
  json regarding{{"apiVersion", resource.group.empty() ? resource.version
                                                       : resource.group + "/" + resource.version},
                 {"kind", resource.kind},
                 {"name", note.name.name}};
  if (!note.name.ns.empty()) regarding["namespace"] = note.name.ns;
  if (!note.uid.empty()) regarding["uid"] = note.uid;
  std::string name = cut(note.name.name, 230);
  while (name.ends_with('.') || name.ends_with('-')) name.pop_back();
  return {{"metadata", {{"name", fmt::format("{}.{:016x}", name, nanos)}}},
          {"eventTime", format_micro_time(queued.when)},
          {"reportingController", "portcullis.dev/operator"},
          {"reportingInstance", instance_},
          {"action", cut(note.action, word_limit)},
          {"reason", cut(note.reason, word_limit)},
          {"type", note.warning ? "Warning" : "Normal"},
          {"note", cut(note.note, note_limit)},
          {"regarding", std::move(regarding)}};
}

}  // namespace portcullis::kube
