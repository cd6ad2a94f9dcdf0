#pragma once

#include "app/check_options.hpp"

namespace portcullis::app {

/// Runs `portcullis check`: the lines go to standard output. Returns the exit code.
int run_check(const CheckOptions& options);

}  // namespace portcullis::app
