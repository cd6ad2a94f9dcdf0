#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/log.hpp"
#include "base/system_clock.hpp"
#include "lab/certificates.hpp"
#include "lab/seed.hpp"
#include "lab/service.hpp"

namespace {

using namespace portcullis;
using portcullis::lab::ArmModel;

constexpr int exit_bad_use = 1;       // arguments, seed file, ports
constexpr int exit_no_dataplane = 2;  // --dataplane netns cannot be had here
constexpr int exit_failed = 3;        // something broke while it ran

constexpr const char* footer =
    "Prints one line of JSON on standard output when it is ready: where ARM, login, instance "
    "metadata and the\nadmin interface are, the CA to trust, and the network namespaces if there "
    "are any.\n\nExit codes: 0 ended by SIGTERM or SIGINT; 1 bad arguments, bad seed file, or a "
    "port that is taken;\n2 --dataplane netns is impossible here (no root, no Linux namespaces or "
    "no nftables); 3 it broke while running.";

struct Arguments {
  std::string seed;
  std::string listen = "127.0.0.1:0";
  std::string metadata_listen;
  std::string dataplane = "none";
  std::string name = "lab";
  std::string state_dir;
  std::string latency;
  std::string operation_time;
  std::string retry_after;
  bool no_throttling = false;
  bool check = false;
};

/// A state folder that goes with the program if nobody named one.
class StateDir {
 public:
  explicit StateDir(const std::string& named) : path_(named), is_ours_(named.empty()) {
    if (is_ours_) {
      std::string pattern = std::filesystem::temp_directory_path() / "portcullis-lab-XXXXXX";
      if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
      path_ = pattern;
    } else {
      std::filesystem::create_directories(path_);
    }
    path_ = std::filesystem::absolute(path_);
  }
  ~StateDir() {
    std::error_code ignored;
    if (is_ours_) std::filesystem::remove_all(path_, ignored);
  }
  StateDir(const StateDir&) = delete;
  StateDir& operator=(const StateDir&) = delete;

  std::string write(const char* name, const std::string& content) const {
    const std::string file = path_ / name;
    std::ofstream out(file, std::ios::trunc);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + file);
    return file;
  }

 private:
  std::filesystem::path path_;
  bool is_ours_;
};

Result<lab::ServiceOptions> read_listen(const Arguments& arguments) {
  const auto read = [](const std::string& text, std::string& address, std::uint16_t& port) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return false;
    address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    }
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    return error == std::errc() && stop == end;
  };
  lab::ServiceOptions options;
  if (!read(arguments.listen, options.address, options.port)) {
    return fail(Error::Kind::invalid, "--listen: ADDRESS:PORT, not " + arguments.listen);
  }
  if (arguments.metadata_listen.empty()) return options;
  std::string address;
  if (!read(arguments.metadata_listen, address, options.metadata_port) ||
      address != options.address) {
    return fail(Error::Kind::invalid, "--metadata-listen: the address of --listen, and a port");
  }
  return options;
}

/// What the command line says about settings goes over what the seed says.
std::optional<std::string> override_settings(const Arguments& arguments, lab::Settings& settings) {
  nlohmann::json patch = nlohmann::json::object();
  if (!arguments.latency.empty()) patch["latency"] = arguments.latency;
  if (!arguments.operation_time.empty()) patch["operationTime"] = arguments.operation_time;
  if (!arguments.retry_after.empty()) patch["retryAfter"] = arguments.retry_after;
  if (arguments.no_throttling) patch["throttling"] = false;
  return change(settings, patch);
}

int complain(const std::string& problem, int code) {
  std::cerr << "portcullis-lab: " << problem << '\n';
  return code;
}

void announce(const lab::Service& service, const std::string& ca, const Arguments& arguments,
              const lab::Dataplane* dataplane) {
  nlohmann::json ready = {{"arm", service.base_url()},
                          {"login", service.base_url()},
                          {"imds", service.metadata_url()},
                          {"admin", service.base_url() + "/_lab"},
                          {"ca", ca},
                          {"dataplane", arguments.dataplane},
                          {"namespaces", nlohmann::json::object()}};
  if (dataplane != nullptr) ready["namespaces"] = dataplane->namespaces();
  std::cout << ready.dump() << std::endl;
}

int serve(const Arguments& arguments, lab::Seed seed) {
  const auto options = read_listen(arguments);
  if (!options) return complain(options.error().message, exit_bad_use);
  if (const auto problem = override_settings(arguments, seed.settings)) {
    return complain(*problem, exit_bad_use);
  }
  ArmModel model(std::move(seed.world), seed.settings);
  model.cloud().tokens.accepted = seed.credentials;
  model.cloud().locks = seed.locks;
  for (std::string& group : seed.resource_groups) {
    std::ranges::transform(group, group.begin(), [](unsigned char c) { return std::tolower(c); });
    model.cloud().resource_groups.insert(group);
  }

  std::unique_ptr<lab::Dataplane> dataplane;
  if (arguments.dataplane == "netns") {
    auto made = lab::make_netns_dataplane(model.cloud().packets, arguments.name);
    if (!made) {
      return complain("--dataplane netns is impossible here: " + made.error().message +
                          " (--dataplane none needs nothing)",
                      exit_no_dataplane);
    }
    dataplane = std::move(*made);
    if (const auto done = dataplane->apply(model.cloud().packets); !done) {
      return complain("--dataplane netns: " + done.error().message, exit_no_dataplane);
    }
  }

  const StateDir state(arguments.state_dir);
  const auto certificates = lab::make_certificates(options->address);
  if (!certificates) return complain(certificates.error().message, exit_failed);
  const std::string ca = state.write("ca.pem", certificates->ca_pem);

  SystemClock clock;
  asio::io_context io(1);
  lab::Service service(io, clock, model, dataplane.get());
  if (const auto started = service.start(*certificates, *options); !started) {
    return complain(started.error().message, exit_bad_use);
  }
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) service.close();  // then nothing is left to do, and `run` returns
  });
  announce(service, ca, arguments, dataplane.get());
  io.run();
  return service.dataplane_problem().empty() ? 0 : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("A local cloud that answers ARM calls as Azure does", "portcullis-lab");
  app.footer(footer);
  app.set_version_flag("--version", std::string("portcullis-lab ") + PORTCULLIS_VERSION);
  app.add_option("--seed", arguments.seed, "The cloud's VMs, networks and NSGs (YAML)")->required();
  app.add_option("--listen", arguments.listen, "ADDRESS:PORT of ARM, login and admin; port 0: any")
      ->capture_default_str();
  app.add_option("--metadata-listen", arguments.metadata_listen,
                 "ADDRESS:PORT of the instance metadata service; default: any port of --listen");
  app.add_option("--dataplane", arguments.dataplane,
                 "none, or netns: each VM a network namespace with real filters and listeners")
      ->check(CLI::IsMember({"none", "netns"}))
      ->capture_default_str();
  app.add_option("--name", arguments.name, "Of this lab, in the names of its namespaces")
      ->capture_default_str();
  app.add_option("--state-dir", arguments.state_dir,
                 "Where ca.pem goes; default: a temporary folder that is removed at the end");
  app.add_option("--latency", arguments.latency, "Before each answer, such as 50ms");
  app.add_option("--operation-time", arguments.operation_time,
                 "How long a write runs after it was accepted; default 200ms");
  app.add_option("--retry-after", arguments.retry_after,
                 "What answers ask for, whole seconds; default 1s (Azure: 10s)");
  app.add_flag("--no-throttling", arguments.no_throttling, "No limits on the number of requests");
  app.add_flag("--check", arguments.check, "Read the seed, say what is wrong with it, and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_bad_use;
  }
  try {
    auto seed = lab::read_seed_file(arguments.seed);
    if (!seed) return complain(seed.error().message, exit_bad_use);
    if (arguments.check) return 0;
    return serve(arguments, std::move(*seed));
  } catch (const std::exception& error) {
    return complain(error.what(), exit_failed);
  }
}
