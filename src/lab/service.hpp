#pragma once

#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "lab/arm_model.hpp"
#include "lab/certificates.hpp"
#include "lab/dataplane.hpp"
#include "net/server.hpp"

namespace portcullis::lab {

struct ServiceOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;           ///< of ARM, login and the admin interface (HTTPS)
  std::uint16_t metadata_port = 0;  ///< of the instance metadata service (plain HTTP)
};

/// The model behind its two ports, with time and packets: asks the clock, waits out latencies, ends
/// operations when they are due and tells the dataplane. One thread: that of `io`. Stop: `close`,
/// let `io` run out of work, destroy.
class Service {
 public:
  Service(asio::io_context& io, Clock& clock, ArmModel& model, Dataplane* dataplane);

  Result<Done> start(const Certificates& certificates, const ServiceOptions& options);
  void close();

  std::string base_url() const { return base_url_; }
  std::string metadata_url() const { return metadata_url_; }

  /// The first failure of the dataplane; packets are not what the world says from then on.
  const std::string& dataplane_problem() const { return dataplane_problem_; }

 private:
  Task<net::Response> answer(net::Request request, bool metadata);
  Task<void> run_operations();
  void follow();

  asio::io_context& io_;
  Clock& clock_;
  ArmModel& model_;
  Dataplane* dataplane_;
  std::string base_url_;
  std::string metadata_url_;
  std::unique_ptr<net::Server> arm_;
  std::unique_ptr<net::Server> metadata_;
  std::uint64_t applied_ = 0;  ///< of the cloud's packet changes
  std::string dataplane_problem_;
  Wake wake_;
  std::list<Wake*> delayed_;  ///< answers that wait out their latency
  bool closing_ = false;
};

}  // namespace portcullis::lab
