#include "lab/faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

using Kind = FaultAction::Kind;

struct KindName {
  Kind kind;
  const char* name;
};

constexpr std::array kinds = {
    KindName{Kind::status, "status"},
    KindName{Kind::throttle, "throttle"},
    KindName{Kind::delay, "delay"},
    KindName{Kind::lost_answer, "lostAnswer"},
    KindName{Kind::drop_before, "dropBefore"},
    KindName{Kind::silence, "silence"},
    KindName{Kind::late_effect, "lateEffect"},
    KindName{Kind::fail_operation, "failOperation"},
    KindName{Kind::cancel_operation, "cancelOperation"},
    KindName{Kind::slow_operation, "slowOperation"},
    KindName{Kind::foreign_priority, "foreignPriority"},
    KindName{Kind::stale_answer, "staleAnswer"},
    KindName{Kind::patch, "patch"},
    KindName{Kind::text, "text"},
};

template <std::size_t N>
std::string stranger(const Json& object, const std::array<const char*, N>& known) {
  for (const auto& [member, value] : object.items()) {
    if (std::ranges::find(known, member) == known.end()) return member;
  }
  return {};
}

std::string read_action(const Json& json, FaultAction& action) {
  if (!json.is_object()) return "action is missing";
  constexpr std::array known = {"kind",    "status", "body",        "headers", "retryAfter",
                                "seconds", "find",   "replacement", "length",  "keepsEffect"};
  if (const auto member = stranger(json, known); !member.empty()) {
    return "action: unknown member " + member;
  }
  const std::string name = json.value("kind", "");
  const auto found =
      std::ranges::find_if(kinds, [&](const KindName& kind) { return same_name(kind.name, name); });
  if (found == kinds.end()) return "action.kind: unknown kind " + name;
  action.kind = found->kind;
  action.status = json.value("status", action.status);
  action.body = json.value("body", Json());
  constexpr double long_silence = 300;
  action.seconds = json.value("seconds", action.kind == Kind::silence ? long_silence : 0.0);
  action.keeps_effect = json.value("keepsEffect", false);
  if (json.contains("retryAfter")) {
    const Json& value = json["retryAfter"];
    action.retry_after = value.is_string() ? value.get<std::string>() : value.dump();
  }
  const Json headers = json.value("headers", Json::object());
  for (const auto& [header, value] : headers.items()) {
    action.headers.push_back({header, value.is_null() ? "" : value.get<std::string>()});
  }
  action.find = json.value("find", "");
  action.replacement = json.value("replacement", "");
  action.length = json.value("length", action.length);
  constexpr std::int64_t longest = 64 << 20;
  return action.length > longest ? "action.length: at most 64 MiB" : "";
}

std::string read_fault(const Json& json, Fault& fault) {
  if (!json.is_object()) return "a fault is an object";
  constexpr std::array known = {"id", "match", "times", "after", "action", "hits"};
  if (const auto member = stranger(json, known); !member.empty()) {
    return "unknown member " + member;
  }
  const Json match = json.value("match", Json::object());
  constexpr std::array known_match = {"method", "path"};
  if (const auto member = stranger(match, known_match); !member.empty()) {
    return "match: unknown member " + member;
  }
  fault.id = json.value("id", "");
  fault.method = match.value("method", "");
  fault.path = match.value("path", "");
  fault.times = json.value("times", fault.times);
  fault.after = json.value("after", fault.after);
  fault.expression = std::regex(fault.path, std::regex::ECMAScript | std::regex::icase);
  return read_action(json.value("action", Json()), fault.action);
}

}  // namespace

const char* to_string(Kind kind) { return std::ranges::find(kinds, kind, &KindName::kind)->name; }

std::optional<FaultAction> Faults::strike(const net::Request& request) {
  for (Fault& fault : faults_) {
    if (!fault.method.empty() && !same_name(fault.method, request.method)) continue;
    if (!std::regex_search(request.target, fault.expression)) continue;
    if (fault.after > 0) {
      --fault.after;
      continue;
    }
    if (fault.times == 0) continue;
    if (fault.times > 0) --fault.times;
    ++fault.hits;
    return fault.action;
  }
  return std::nullopt;
}

tl::expected<Json, std::string> Faults::add(const Json& description) {
  const Json list = description.is_array() ? description : Json::array({description});
  std::vector<Fault> read;
  Json ids = Json::array();
  for (const Json& json : list) {
    Fault fault;
    try {
      if (const auto problem = read_fault(json, fault); !problem.empty()) {
        return tl::unexpected<std::string>(problem);
      }
    } catch (const std::exception& error) {  // a wrong JSON type, a broken expression
      return tl::unexpected<std::string>(error.what());
    }
    if (fault.id.empty()) fault.id = fmt::format("fault-{}", ++made_);
    ids.push_back(fault.id);
    read.push_back(std::move(fault));
  }
  if (description.is_array()) faults_.clear();
  for (Fault& fault : read) faults_.push_back(std::move(fault));
  return Json{{"ids", ids}};
}

bool Faults::remove(const std::string& id) {
  return std::erase_if(faults_, [&](const Fault& fault) { return fault.id == id; }) > 0;
}

Json Faults::list() const {
  Json out = Json::array();
  for (const Fault& fault : faults_) {
    out.push_back({{"id", fault.id},
                   {"match", {{"method", fault.method}, {"path", fault.path}}},
                   {"times", fault.times},
                   {"after", fault.after},
                   {"hits", fault.hits},
                   {"action", {{"kind", to_string(fault.action.kind)}}}});
  }
  return out;
}

}  // namespace portcullis::lab
