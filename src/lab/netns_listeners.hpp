#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "lab/netns_space.hpp"

namespace portcullis::lab::netns {

/// The TCP services of one machine, on both families. Each connection is greeted with one line
/// "<machine>:<port>\n"; what it sends then comes back, so that a flow can be seen to be alive; it
/// stays until the peer closes. A thread of its own serves them, because it has to live in the
/// machine's namespace; it touches nothing but its sockets, and ends with this object.
class Listeners {
 public:
  /// Listening when it returns.
  static Result<std::unique_ptr<Listeners>> open(const std::string& space,
                                                 const std::string& machine,
                                                 const std::vector<std::uint16_t>& ports);
  ~Listeners();
  Listeners(const Listeners&) = delete;
  Listeners& operator=(const Listeners&) = delete;

 private:
  struct Service {
    FileDescriptor socket;
    std::string greeting;
  };

  struct Connection {
    FileDescriptor socket;
    std::string pending;  ///< to be sent before anything more is read
  };

  Listeners();
  void serve();
  void greet(const Service& service);

  FileDescriptor wake_;
  std::vector<Service> services_;
  std::vector<Connection> connections_;
  std::thread thread_;
};

}  // namespace portcullis::lab::netns
