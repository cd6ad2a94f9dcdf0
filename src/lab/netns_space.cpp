#include "lab/netns_space.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace portcullis::lab::netns {
namespace {

constexpr const char* kFolder = "/run/netns";

}  // namespace

Result<Done> check_privileges() {
  std::ifstream status("/proc/self/status");
  std::uint64_t effective = 0;
  for (std::string word; status >> word;) {
    if (word == "CapEff:") status >> std::hex >> effective;
  }
  constexpr std::uint64_t needed =
      (std::uint64_t{1} << CAP_NET_ADMIN) | (std::uint64_t{1} << CAP_SYS_ADMIN);
  if ((effective & needed) == needed) return Done{};
  return fail(
      Error::Kind::unsupported,
      geteuid() == 0
          ? "the packet lab needs the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN, which this "
            "root does not have: in a container, start it privileged"
          : "the packet lab makes network namespaces, for which it must run as root");
}

std::vector<std::string> list_spaces() {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, absent)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

Result<Done> enter_space(const std::string& space) {
  const auto path = fmt::format("{}/{}", kFolder, space);
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || setns(file.get(), CLONE_NEWNET) != 0) {
    return fail(Error::Kind::unavailable,
                fmt::format("cannot enter network namespace {}: {}", space, std::strerror(errno)));
  }
  return Done{};
}

Result<Done> in_space(const std::string& space, const std::function<Result<Done>()>& work) {
  Result<Done> result;
  std::thread([&] {
    block_signals();
    result = enter_space(space);
    if (result) result = work();
  }).join();
  return result;
}

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

Result<Done> set_kernel(const std::string& setting, const std::string& value) {
  const auto path = "/proc/sys/" + setting;
  std::ofstream file(path);
  file << value << std::flush;
  if (!file) {
    return fail(
        Error::Kind::unsupported,
        std::filesystem::exists(path)
            ? fmt::format("cannot write {}: in a container, start it privileged", path)
            : fmt::format("the packet lab needs {}, which this kernel does not have", path));
  }
  return Done{};
}

}  // namespace portcullis::lab::netns
