#include "app/complaint.hpp"

#include "base/log.hpp"

namespace portcullis::app {

int complain(int code, const Error& error) {
  log::error("cannot start", {{"error", error.message}, {"exit_code", code}});
  return code;
}

}  // namespace portcullis::app
