#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "lab/netns_dataplane.hpp"
#include "lab/netns_prefix.hpp"
#include "lab/netns_space.hpp"

namespace portcullis::lab::netns {

using std::chrono::milliseconds;

/// For what must happen: the wait ends as soon as it does.
inline constexpr milliseconds kPatient{5000};

/// A lab of this name; another run of these tests may hold it for a moment.
inline Result<std::unique_ptr<Dataplane>> make_in_turn(const World& world, const std::string& name,
                                                       OnDeny on_deny) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    auto made = make_dataplane(world, name, on_deny);
    const bool held = !made && made.error().kind == Error::Kind::conflict;
    if (!held || std::chrono::steady_clock::now() > end) return made;
    std::this_thread::sleep_for(milliseconds(20));
  }
}

struct Endpoint {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

inline Endpoint endpoint(const std::string& text, std::uint16_t port) {
  const auto address = parse_address(text).value();
  Endpoint made;
  if (address.v6) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(port);
    std::memcpy(&six.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&made.storage, &six, sizeof six);
    made.size = sizeof six;
  } else {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    std::memcpy(&four.sin_addr, address.bytes.data(), 4);
    std::memcpy(&made.storage, &four, sizeof four);
    made.size = sizeof four;
  }
  return made;
}

inline bool wait_for(int socket, short events, milliseconds patience) {
  pollfd waiting{.fd = socket, .events = events, .revents = 0};
  return poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
}

/// What came of an attempt to reach somebody from a namespace.
struct Attempt {
  FileDescriptor socket;
  int error = 0;  ///< ETIMEDOUT when nobody answered
};

/// Connects, and for UDP also sends one packet: success is then that nothing comes back.
inline Attempt reach_from(const std::string& space, int type, const std::string& to,
                          std::uint16_t port, milliseconds patience) {
  Attempt attempt;
  const auto made = in_space(space, [&]() -> Result<Done> {
    const Endpoint target = endpoint(to, port);
    FileDescriptor file(socket(target.storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bool failed = connect(file.get(), target.get(), target.size) != 0 && errno != EINPROGRESS;
    if (!failed && type == SOCK_DGRAM) failed = send(file.get(), "?", 1, 0) != 1;
    if (failed) {
      attempt.error = errno;
    } else if (!wait_for(file.get(), type == SOCK_DGRAM ? POLLIN : POLLOUT, patience)) {
      attempt.error = ETIMEDOUT;
    } else {
      socklen_t size = sizeof attempt.error;
      getsockopt(file.get(), SOL_SOCKET, SO_ERROR, &attempt.error, &size);
    }
    attempt.socket = std::move(file);
    return Done{};
  });
  if (!made) throw std::runtime_error(made.error().message);
  return attempt;
}

inline Attempt connect_from(const std::string& space, const std::string& to, std::uint16_t port,
                            milliseconds patience) {
  return reach_from(space, SOCK_STREAM, to, port, patience);
}

inline std::string read_line(const Attempt& attempt, milliseconds patience = kPatient) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    if (!wait_for(attempt.socket.get(), POLLIN, patience)) return line + "(nothing more)";
    char letter = 0;
    if (recv(attempt.socket.get(), &letter, 1, 0) != 1) return line + "(closed)";
    line += letter;
  }
  return line;
}

}  // namespace portcullis::lab::netns
