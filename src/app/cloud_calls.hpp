#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/http.hpp"

namespace portcullis::app {

/// Counts and times the requests to clouds; outlives the transports that tell it.
class CloudCalls {
 public:
  CloudCalls();

  void record(const std::string& method, int status, Duration took);

  std::vector<prometheus::MetricFamily> collect() const { return registry_.Collect(); }

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Histogram>& seconds_;
};

/// "2xx", "429", ...; "none" for 0: no answer came.
std::string code_class(int status);

/// A transport whose requests are counted.
class MeteredTransport final : public net::Transport {
 public:
  MeteredTransport(std::unique_ptr<net::Transport> transport, Clock& clock, CloudCalls& calls);

  Task<Result<net::Response>> send(net::Request request, Duration deadline) override;
  Task<Result<std::unique_ptr<net::BodyStream>>> stream(net::Request request,
                                                        Duration deadline) override;
  void close() override { transport_->close(); }

 private:
  std::unique_ptr<net::Transport> transport_;
  Clock& clock_;
  CloudCalls& calls_;
};

}  // namespace portcullis::app
