#include "app/cloud_calls.hpp"

#include "app/metric_names.hpp"

namespace portcullis::app {
namespace {

/// From what a lab answers in to the longest that a call may take.
const prometheus::Histogram::BucketBoundaries& bounds() {
  static const prometheus::Histogram::BucketBoundaries seconds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                               1,    2.5,   5,    10,  15,   30};
  return seconds;
}

}  // namespace

std::string code_class(int status) {
  if (status == 429) return "429";
  if (status < 100 || status > 599) return "none";
  return std::to_string(status / 100) + "xx";
}

CloudCalls::CloudCalls()
    : requests_(prometheus::BuildCounter()
                    .Name(metric::cloud_requests_total.name)
                    .Help(metric::cloud_requests_total.help)
                    .Register(registry_)),
      seconds_(prometheus::BuildHistogram()
                   .Name(metric::cloud_request_seconds.name)
                   .Help(metric::cloud_request_seconds.help)
                   .Register(registry_)) {}

void CloudCalls::record(const std::string& method, int status, Duration took) {
  const auto& labels = metric::cloud_requests_total.labels;
  requests_.Add({{labels[0], method}, {labels[1], code_class(status)}}).Increment();
  seconds_.Add({{metric::cloud_request_seconds.labels[0], method}}, bounds())
      .Observe(std::chrono::duration<double>(took).count());
}

MeteredTransport::MeteredTransport(std::unique_ptr<net::Transport> transport, Clock& clock,
                                   CloudCalls& calls)
    : transport_(std::move(transport)), clock_(clock), calls_(calls) {}

Task<Result<net::Response>> MeteredTransport::send(net::Request request, Duration deadline) {
  const BootTime begin = clock_.boot_now();
  const std::string method = request.method;
  auto answer = co_await transport_->send(std::move(request), deadline);
  calls_.record(method, answer ? answer->status : 0, clock_.boot_now() - begin);
  co_return answer;
}

Task<Result<std::unique_ptr<net::BodyStream>>> MeteredTransport::stream(net::Request request,
                                                                        Duration deadline) {
  const BootTime begin = clock_.boot_now();
  const std::string method = request.method;
  auto answer = co_await transport_->stream(std::move(request), deadline);
  calls_.record(method, answer ? (*answer)->status() : 0, clock_.boot_now() - begin);
  co_return answer;
}

}  // namespace portcullis::app
