#include "lab/netns_listeners.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace portcullis::lab::netns {
namespace {

constexpr std::size_t kMostConnections = 200;

/// Ends connections whose peers vanished without a word, as a removed namespace does.
void watch_peer(int socket) {
  const int yes = 1;
  const int seconds = 30;
  setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
  setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
}

Result<FileDescriptor> listen_on(bool v6, std::uint16_t port) {
  const auto failed = [&](const char* step) {
    return fail(Error::Kind::unavailable, fmt::format("cannot {} on port {} ({}): {}", step, port,
                                                      v6 ? "IPv6" : "IPv4", std::strerror(errno)));
  };
  FileDescriptor file(
      socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (file.get() < 0) return failed("open a socket");
  const int yes = 1;
  setsockopt(file.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (v6) setsockopt(file.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);

  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(port);
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  any4.sin_port = htons(port);
  const auto* const address =
      v6 ? reinterpret_cast<const sockaddr*>(&any6) : reinterpret_cast<const sockaddr*>(&any4);
  if (bind(file.get(), address, v6 ? sizeof any6 : sizeof any4) != 0) return failed("bind");
  if (listen(file.get(), SOMAXCONN) != 0) return failed("listen");
  return file;
}

/// False when the connection is over.
bool flush(int socket, std::string& pending) {
  while (!pending.empty()) {
    const auto sent = send(socket, pending.data(), pending.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    pending.erase(0, static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive(int socket, std::string& pending) {
  std::array<char, 4096> data{};
  const auto got = recv(socket, data.data(), data.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  pending.assign(data.data(), static_cast<std::size_t>(got));
  return got > 0;
}

}  // namespace

Listeners::Listeners() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Result<std::unique_ptr<Listeners>> Listeners::open(const std::string& space,
                                                   const std::string& machine,
                                                   const std::vector<std::uint16_t>& ports) {
  std::unique_ptr<Listeners> made(new Listeners());
  const auto opened = in_space(space, [&]() -> Result<Done> {
    for (const auto port : ports) {
      for (const bool v6 : {false, true}) {
        auto socket = listen_on(v6, port);
        if (!socket) return fail(socket.error());
        made->services_.push_back(
            {.socket = std::move(*socket), .greeting = fmt::format("{}:{}\n", machine, port)});
      }
    }
    return Done{};
  });
  if (!opened) return fail(opened.error());
  // A socket stays in the namespace where it was made: whoever serves it may live anywhere.
  made->thread_ = std::thread([listeners = made.get()] {
    block_signals();
    listeners->serve();
  });
  return made;
}

Listeners::~Listeners() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  // An eventfd with room takes it: nothing to check.
  [[maybe_unused]] const auto written = write(wake_.get(), &one, sizeof one);
  thread_.join();
}

void Listeners::serve() {
  for (;;) {
    std::vector<pollfd> waiting{{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    // A full house leaves the rest in the kernel's queue.
    const short welcome = connections_.size() < kMostConnections ? POLLIN : 0;
    for (const Service& service : services_) {
      waiting.push_back({.fd = service.socket.get(), .events = welcome, .revents = 0});
    }
    for (const Connection& connection : connections_) {
      const short wanted = connection.pending.empty() ? POLLIN : POLLOUT;
      waiting.push_back({.fd = connection.socket.get(), .events = wanted, .revents = 0});
    }
    if (poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting.front().revents != 0) return;

    // Connections first, as they were polled: greeting appends to them.
    std::vector<Connection> kept;
    const std::size_t first = 1 + services_.size();
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      Connection& connection = connections_[i];
      bool alive = true;
      if (waiting[first + i].revents != 0) {
        const int socket = connection.socket.get();
        if (connection.pending.empty()) alive = receive(socket, connection.pending);
        alive = alive && flush(socket, connection.pending);
      }
      if (alive) kept.push_back(std::move(connection));
    }
    connections_ = std::move(kept);
    for (std::size_t i = 0; i < services_.size(); ++i) {
      if (waiting[1 + i].revents != 0) greet(services_[i]);
    }
  }
}

void Listeners::greet(const Service& service) {
  FileDescriptor socket(
      accept4(service.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.get() < 0) return;
  watch_peer(socket.get());
  Connection connection{.socket = std::move(socket), .pending = service.greeting};
  if (flush(connection.socket.get(), connection.pending)) {
    connections_.push_back(std::move(connection));
  }
}

}  // namespace portcullis::lab::netns
