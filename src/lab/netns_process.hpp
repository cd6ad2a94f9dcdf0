#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace portcullis::lab::netns {

/// Where a program lies: PATH, then the folders of system tools, which PATHs of users often leave
/// out. Fails with `unsupported`.
Result<std::string> find_program(const std::string& name);

/// Runs a program to its end, no shell between, in the calling thread's network namespace; `input`
/// is its standard input. Gives what it printed. An exit code other than 0 is `unavailable`, with
/// what it printed.
Result<std::string> run(const std::vector<std::string>& command, const std::string& input = "");

}  // namespace portcullis::lab::netns
