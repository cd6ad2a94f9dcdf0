#include "lab/service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

std::string host_of(const std::string& address) {
  const std::string reachable = address == "0.0.0.0" ? "127.0.0.1"
                                : address == "::"    ? "::1"
                                                     : address;
  return reachable.find(':') == std::string::npos ? reachable : "[" + reachable + "]";
}

bool is_metadata(const net::Request& request) {
  return lower(request.target).starts_with("/metadata/identity/");
}

}  // namespace

Service::Service(asio::io_context& io, Clock& clock, ArmModel& model, Dataplane* dataplane)
    : io_(io), clock_(clock), model_(model), dataplane_(dataplane) {
  applied_ = model_.cloud().packet_changes;
}

Result<Done> Service::start(const Certificates& certificates, const ServiceOptions& options) {
  net::ServerOptions arm{.address = options.address,
                         .port = options.port,
                         .certificate_pem = certificates.server_pem,
                         .key_pem = certificates.key_pem,
                         .body_limit = 4u << 20,
                         .header_limit = 64u << 10};
  auto made = net::make_server(io_, clock_, arm, [this](net::Request request, net::Server::Peer) {
    return answer(std::move(request), false);
  });
  if (!made) return fail(made.error());
  arm_ = std::move(*made);
  net::ServerOptions metadata{.address = options.address, .port = options.metadata_port};
  made = net::make_server(io_, clock_, metadata, [this](net::Request request, net::Server::Peer) {
    return answer(std::move(request), true);
  });
  if (!made) return fail(made.error());
  metadata_ = std::move(*made);
  base_url_ = fmt::format("https://{}:{}", host_of(options.address), arm_->port());
  metadata_url_ = fmt::format("http://{}:{}", host_of(options.address), metadata_->port());
  model_.cloud().settings.base_url = base_url_;
  asio::co_spawn(io_, run_operations(), [](std::exception_ptr problem) {
    if (problem) std::rethrow_exception(problem);
  });
  return Done{};
}

void Service::close() {
  closing_ = true;
  if (arm_) arm_->close();
  if (metadata_) metadata_->close();
  wake_.notify();
  for (Wake* wake : delayed_) wake->notify();
}

Task<net::Response> Service::answer(net::Request request, bool metadata) {
  if (is_metadata(request) != metadata) {
    co_return net::Response{.status = 404, .headers = {}, .body = {}};
  }
  Answer answer = model_.answer(request, clock_.now());
  follow();
  wake_.notify();
  if (answer.delay > Duration(0) && !closing_) {
    Wake wake;
    const auto place = delayed_.insert(delayed_.end(), &wake);
    co_await clock_.sleep_for(answer.delay, &wake);
    delayed_.erase(place);
  }
  co_return std::move(answer.response);
}

Task<void> Service::run_operations() {
  while (!closing_) {
    model_.advance(clock_.now());
    follow();
    const auto next = model_.next_change();
    // An operation that never ends must not make a wait that the clock cannot hold.
    const TimePoint latest = clock_.now() + std::chrono::hours(24);
    co_await clock_.sleep_until(next ? std::min(*next, latest) : latest, &wake_);
  }
}

void Service::follow() {
  if (dataplane_ == nullptr || applied_ == model_.cloud().packet_changes) return;
  applied_ = model_.cloud().packet_changes;
  const auto done = dataplane_->apply(model_.cloud().packets);
  if (done) return;
  log::error("packets are not filtered as the world says", {{"problem", done.error().message}});
  if (dataplane_problem_.empty()) dataplane_problem_ = done.error().message;
}

}  // namespace portcullis::lab
