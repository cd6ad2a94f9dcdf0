#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "net/http.hpp"

namespace portcullis::app {

/// A transport that is made anew when the files it was made of change: the CA bundle and the client
/// certificate of a cluster rotate under a running program. What is in flight on the old one ends
/// there; a file that cannot be read leaves the old one in place.
class RotatingTransport final : public net::Transport {
 public:
  struct Made {
    std::string made_of;  ///< the files' contents; equal text, no change
    std::function<Result<std::unique_ptr<net::Transport>>()> make;
  };
  /// Reads the files; called at most once a minute, and after a connection was refused. `conflict`
  /// when they lead to another server: told as an error, and the old transport stays.
  using Reload = std::function<Result<Made>()>;

  /// `first` is what `transport` was made of.
  RotatingTransport(Clock& clock, std::unique_ptr<net::Transport> transport, std::string first,
                    Reload reload);

  Task<Result<net::Response>> send(net::Request request, Duration deadline) override;
  Task<Result<std::unique_ptr<net::BodyStream>>> stream(net::Request request,
                                                        Duration deadline) override;
  void close() override;

 private:
  net::Transport& current();
  void note(const Error& error);

  Clock& clock_;
  std::unique_ptr<net::Transport> transport_;
  std::string made_of_;
  Reload reload_;
  BootTime looked_at_;
  std::vector<std::unique_ptr<net::Transport>> retired_;  ///< with what is still in flight
  bool closed_ = false;
};

}  // namespace portcullis::app
