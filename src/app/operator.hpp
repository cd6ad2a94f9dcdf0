#pragma once

#include "app/options.hpp"

namespace portcullis::app {

/// Runs the operator until a signal or a lost lease; returns the exit code. Everything that is
/// wrong at the start ends in one line on the log.
int run_operator(const OperatorOptions& options);

}  // namespace portcullis::app
