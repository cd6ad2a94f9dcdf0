#pragma once

#include "app/reap_options.hpp"

namespace portcullis::app {

/// Runs `portcullis reap`: the report goes to standard output, log lines to standard error. Returns
/// the exit code. The first signal lets what is under way end (5 s), the second does not.
int run_reap(const ReapOptions& options);

}  // namespace portcullis::app
