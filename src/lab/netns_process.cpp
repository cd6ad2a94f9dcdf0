#include "lab/netns_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "lab/netns_space.hpp"

namespace portcullis::lab::netns {
namespace {

/// A file in memory: takes any amount, so that neither side ever waits for the other as with pipes.
class Scratch {
 public:
  explicit Scratch(const std::string& content = "")
      : file_(memfd_create("portcullis", MFD_CLOEXEC)) {
    for (std::string_view rest = content; !rest.empty();) {
      const auto written = ::write(file_.get(), rest.data(), rest.size());
      if (written < 0) {
        complete_ = false;
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    complete_ = file_.get() >= 0 && lseek(file_.get(), 0, SEEK_SET) == 0;
  }

  bool complete() const { return complete_; }
  int get() const { return file_.get(); }

  std::string content() const {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t got = 0; (got = pread(file_.get(), part.data(), part.size(),
                                       static_cast<off_t>(text.size()))) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  FileDescriptor file_;
  bool complete_ = false;
};

/// What the child gets: our two files; no signal blocked; a group of its own, so that Ctrl-C at the
/// terminal does not kill a tool half-way while we clean up.
class Setup {
 public:
  Setup(int input, int output) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_adddup2(&files_, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files_, output, STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~Setup() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<std::string> find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "";
  folders += ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";
  for (std::size_t at = 0; at < folders.size();) {
    const auto end = std::min(folders.find(':', at), folders.size());
    const auto file = folders.substr(at, end - at) + "/" + name;
    if (end > at && access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  return fail(Error::Kind::unsupported,
              fmt::format("the packet lab needs the program '{}', which is not installed", name));
}

Result<std::string> run(const std::vector<std::string>& command, const std::string& input) {
  const Scratch in(input);
  const Scratch out;
  if (!in.complete() || !out.complete()) {
    return fail(Error::Kind::unavailable, fmt::format("no memory for {}", command.front()));
  }
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  const Setup setup(in.get(), out.get());
  pid_t child = 0;
  const int refused = posix_spawn(&child, words.front().c_str(), setup.files(), setup.attributes(),
                                  arguments.data(), environ);
  if (refused != 0) {
    return fail(Error::Kind::unavailable,
                fmt::format("cannot start {}: {}", command.front(), std::strerror(refused)));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return fail(Error::Kind::unavailable,
                  fmt::format("lost sight of {}: {}", command.front(), std::strerror(errno)));
    }
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Error::Kind::unavailable,
                fmt::format("{} failed: {}", fmt::join(command, " "), out.content()));
  }
  return out.content();
}

}  // namespace portcullis::lab::netns
