#pragma once

#include <nlohmann/json.hpp>

// What an API server writes: objects, events, lists, Status bodies of one kind, as text.

#include <string>
#include <vector>

#include "kube/client.hpp"

namespace portcullis::kube {

inline const Resource widgets{
    .group = "example.com", .version = "v1", .plural = "widgets", .kind = "Widget"};

inline std::string object_text(const std::string& name, const std::string& value,
                               const std::string& version, const std::string& kind = "Widget") {
  return R"({"apiVersion":"example.com/v1","kind":")" + kind +
         R"(","metadata":{"namespace":"ns","name":")" + name + R"(","resourceVersion":")" +
         version + R"("},"value":")" + value + R"("})";
}

inline std::string event_text(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}

inline std::string bookmark_text(const std::string& version, bool end_of_list = false) {
  const std::string annotations =
      end_of_list ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return event_text("BOOKMARK", R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":)"
                                R"({"resourceVersion":")" +
                                    version + "\"" + annotations + "}}");
}

inline std::string status_text(int code, const std::string& reason, const std::string& message,
                               const nlohmann::json& details = nullptr) {
  nlohmann::json body{{"kind", "Status"},   {"apiVersion", "v1"}, {"status", "Failure"},
                      {"message", message}, {"reason", reason},   {"code", code}};
  if (!details.is_null()) body["details"] = details;
  return body.dump();
}

inline std::string error_event_text(int code, const std::string& reason) {
  return event_text("ERROR", status_text(code, reason, "why"));
}

inline std::string list_text(const std::vector<std::string>& items, const std::string& version,
                             const std::string& token = "") {
  std::string text = R"({"apiVersion":"example.com/v1","kind":"WidgetList","metadata":)"
                     R"({"resourceVersion":")" +
                     version + R"(","continue":")" + token + R"("},"items":[)";
  for (std::size_t i = 0; i < items.size(); ++i) text += (i == 0 ? "" : ",") + items[i];
  return text + "]}";
}

}  // namespace portcullis::kube
