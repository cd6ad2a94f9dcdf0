#include "app/health.hpp"

namespace portcullis::app {
namespace {

net::Response text(int status, std::string body) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = std::move(body)};
}

net::Response answer_alive(const Health& health) {
  return health.failed ? text(500, "a part of the operator failed\n") : text(200, "ok\n");
}

net::Response answer_ready(const Health& health) {
  std::string body;
  if (health.ready()) {
    body = "ready: " + health.role + "\n";
  } else {
    body = "not ready\n";
    if (health.failed) body += "- a part of the operator failed\n";
    if (health.stopping) body += "- the operator is stopping\n";
    for (const std::string& sentence : health.missing) body += "- " + sentence + "\n";
  }
  for (const std::string& note : health.notes) body += "note: " + note + "\n";
  return text(health.ready() ? 200 : 503, std::move(body));
}

}  // namespace

std::string_view path_of(const net::Request& request) {
  const std::string_view target = request.target;
  return target.substr(0, target.find('?'));
}

net::Response refuse_method() {
  net::Response refusal = text(405, "only GET and HEAD\n");
  refusal.headers.push_back({"Allow", "GET, HEAD"});
  return refusal;
}

net::Response no_such_path() { return text(404, "nothing is here\n"); }

net::Response answer_health(const net::Request& request, const Health& health) {
  if (request.method != "GET" && request.method != "HEAD") return refuse_method();
  if (path_of(request) == "/healthz") return answer_alive(health);
  if (path_of(request) == "/readyz") return answer_ready(health);
  return no_such_path();
}

}  // namespace portcullis::app
