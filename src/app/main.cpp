#include <exception>

#include "app/check.hpp"
#include "app/operator.hpp"
#include "app/reap.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "net/cpprest_transport.hpp"

int main(int argc, char** argv) {
  namespace app = portcullis::app;
  try {
    portcullis::memory::set_up_heap();
    portcullis::net::initialize_cpprest();
    const auto line = app::parse_command_line(argc, argv);
    if (line.done) return line.exit;
    portcullis::log::configure(line.log().level, line.log().format);
    switch (line.command) {
      case app::Command::run_operator:
        return app::run_operator(line.options);
      case app::Command::reap:
        return app::run_reap(line.reap);
      case app::Command::check:
        return app::run_check(line.check);
    }
    return app::exit_code::internal;
  } catch (const std::exception& error) {
    portcullis::log::error("internal error", {{"error", error.what()}});
    return app::exit_code::internal;
  }
}
