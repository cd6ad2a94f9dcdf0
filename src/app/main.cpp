#include <exception>

#include "app/operator.hpp"
#include "base/log.hpp"
#include "net/cpprest_transport.hpp"

int main(int argc, char** argv) {
  namespace app = portcullis::app;
  try {
    portcullis::net::initialize_cpprest();
    const auto line = app::parse_command_line(argc, argv);
    if (line.done) return line.exit;
    portcullis::log::configure(line.options.log_level, line.options.log_format);
    return app::run_operator(line.options);
  } catch (const std::exception& error) {
    portcullis::log::error("internal error", {{"error", error.what()}});
    return app::exit_code::internal;
  }
}
