#pragma once

#include "base/result.hpp"

namespace portcullis::app {

/// Says in one line on the log why a command cannot start. Returns the exit code that it was given.
int complain(int code, const Error& error);

}  // namespace portcullis::app
