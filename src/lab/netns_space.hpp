#pragma once

#include <unistd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace portcullis::lab::netns {

/// Owns an open file; -1 is none.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() {
    if (number_ >= 0) close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

/// Whether this process may make network namespaces and filter packets. Fails with `unsupported`,
/// in words for who starts the program.
Result<Done> check_privileges();

/// The named network namespaces of this system, as `ip netns list` shows them.
std::vector<std::string> list_spaces();

/// Moves the calling thread, and it alone, into a namespace. Programs that it starts follow it.
Result<Done> enter_space(const std::string& space);

/// Calls `work` in a namespace, on a thread of its own that takes no signals, and waits for it.
Result<Done> in_space(const std::string& space, const std::function<Result<Done>()>& work);

/// Keeps signals off the calling thread, which belong to the program's main one.
void block_signals();

/// Writes a kernel setting, such as "net/ipv4/ip_forward", of the calling thread's namespace.
Result<Done> set_kernel(const std::string& setting, const std::string& value);

}  // namespace portcullis::lab::netns
