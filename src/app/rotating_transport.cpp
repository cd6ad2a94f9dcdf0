#include "app/rotating_transport.hpp"

#include "base/log.hpp"

namespace portcullis::app {
namespace {

constexpr Duration look_again = std::chrono::minutes(1);

}  // namespace

RotatingTransport::RotatingTransport(Clock& clock, std::unique_ptr<net::Transport> transport,
                                     std::string first, Reload reload)
    : clock_(clock),
      transport_(std::move(transport)),
      made_of_(std::move(first)),
      reload_(std::move(reload)),
      looked_at_(clock.boot_now()) {}

net::Transport& RotatingTransport::current() {
  if (closed_ || clock_.boot_now() - looked_at_ < look_again) return *transport_;
  looked_at_ = clock_.boot_now();
  const auto fresh = reload_();
  if (!fresh) {
    const bool moved = fresh.error().kind == Error::Kind::conflict;
    log::write(moved ? log::Level::error : log::Level::warning,
               moved ? "the configuration leads to another API server, staying with the first"
                     : "certificates cannot be read, going on with the old ones",
               {{"error", fresh.error().message}});
    return *transport_;
  }
  if (fresh->made_of == made_of_) return *transport_;
  auto made = fresh->make();
  if (!made) {
    log::warning("new certificates cannot be used, going on with the old ones",
                 {{"error", made.error().message}});
    return *transport_;
  }
  log::info("certificates of the API server's connection were renewed");
  retired_.push_back(std::exchange(transport_, std::move(*made)));
  made_of_ = fresh->made_of;
  return *transport_;
}

/// A refused certificate may be the first sign of a rotation: look at once.
void RotatingTransport::note(const Error& error) {
  if (error.code == "CertificateRefused") looked_at_ = clock_.boot_now() - look_again;
}

Task<Result<net::Response>> RotatingTransport::send(net::Request request, Duration deadline) {
  auto answer = co_await current().send(std::move(request), deadline);
  if (!answer) note(answer.error());
  co_return answer;
}

Task<Result<std::unique_ptr<net::BodyStream>>> RotatingTransport::stream(net::Request request,
                                                                         Duration deadline) {
  auto stream = co_await current().stream(std::move(request), deadline);
  if (!stream) note(stream.error());
  co_return stream;
}

void RotatingTransport::close() {
  closed_ = true;
  for (auto& old : retired_) old->close();
  transport_->close();
}

}  // namespace portcullis::app
