#include "lab/netns_dataplane.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "lab/netns_listeners.hpp"
#include "lab/netns_process.hpp"
#include "lab/netns_space.hpp"
#include "lab/netns_topology.hpp"

namespace portcullis::lab::netns {
namespace {

/// Held by a name in the kernel that vanishes with the process, however it ends.
Result<FileDescriptor> lock(const std::string& name) {
  FileDescriptor file(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = "portcullis-lab-" + name;
  text.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  const auto size = offsetof(sockaddr_un, sun_path) + 1 + text.size();
  if (bind(file.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) ==
      0) {
    return file;
  }
  if (errno == EADDRINUSE) {
    return fail(Error::Kind::conflict, fmt::format("a lab called '{}' is running already", name));
  }
  return fail(Error::Kind::unavailable,
              fmt::format("cannot lock the name '{}': {}", name, std::strerror(errno)));
}

/// Settings that differ from a fresh namespace's, or that it may have inherited.
Result<Done> tune(bool is_fabric) {
  std::vector<std::pair<std::string, std::string>> settings{
      {"net/ipv4/conf/all/rp_filter", "0"},        {"net/ipv4/conf/default/rp_filter", "0"},
      {"net/ipv6/conf/default/accept_ra", "0"},    {"net/ipv6/conf/all/disable_ipv6", "0"},
      {"net/ipv6/conf/default/disable_ipv6", "0"},
  };
  if (is_fabric) {
    settings.emplace_back("net/ipv4/ip_forward", "1");
    settings.emplace_back("net/ipv6/conf/all/forwarding", "1");
  }
  for (const auto& [setting, value] : settings) {
    if (auto set = set_kernel(setting, value); !set) return set;
  }
  return Done{};
}

class NetnsDataplane final : public Dataplane {
 public:
  struct Tools {
    std::string ip;
    std::string nft;
  };

  NetnsDataplane(std::string name, OnDeny on_deny, Tools tools, FileDescriptor lock)
      : name_(std::move(name)),
        on_deny_(on_deny),
        tools_(std::move(tools)),
        lock_(std::move(lock)) {}

  ~NetnsDataplane() override {
    listeners_.clear();
    // What cannot be removed now, the next start removes.
    [[maybe_unused]] const auto removed = remove_all();
  }

  Result<Done> start(const World& world) {
    if (auto removed = remove_all(); !removed) return removed;
    auto made = ip({}, fmt::format("netns add {}\n", fabric_space(name_)));
    if (!made) return made;
    // In a bare chroot they can be made, but not entered by a tool.
    if (auto entered = ip({"-n", fabric_space(name_)}, "link show lo\n"); !entered) {
      return fail(Error::Kind::unsupported,
                  "network namespaces cannot be entered (in a chroot its / has to be a mount): " +
                      entered.error().message);
    }
    if (auto tuned = in_space(fabric_space(name_), [] { return tune(true); }); !tuned) return tuned;
    return apply(world);
  }

  Result<Done> apply(const World& world) override {
    auto wanted = plan_hosts(world, name_, hosts_);
    if (!wanted) return fail(wanted.error());
    const auto before = hosts_;
    std::vector<Host> fresh;
    for (const Host& host : *wanted) {
      if (std::find(before.begin(), before.end(), host) == before.end()) fresh.push_back(host);
    }
    if (auto removed = remove_unwanted(*wanted); !removed) return removed;

    Result<Done> result = make_spaces(fresh);
    // Filters go before cables: no packet reaches a machine that has none yet.
    if (result) result = load_filters(world, *wanted);
    if (result) result = connect(fresh);
    if (result) result = load_fabric_filter(*wanted);
    if (!result) {
      for (const Host& host : fresh) forget(host);
      [[maybe_unused]] const auto removed = remove_spaces(spaces_of(fresh));
      return result;
    }
    hosts_ = std::move(*wanted);
    return Done{};
  }

  std::map<std::string, std::string> namespaces() const override {
    std::map<std::string, std::string> names;
    for (const Host& host : hosts_) names[host.key] = host.space;
    return names;
  }

 private:
  Result<Done> ip(std::vector<std::string> options, const std::string& batch) const {
    if (batch.empty()) return Done{};
    options.insert(options.begin(), tools_.ip);
    options.insert(options.end(), {"-batch", "-"});
    const auto ran = run(options, batch);
    if (!ran) return fail(ran.error());
    return Done{};
  }

  Result<Done> load(const std::string& space, const std::string& ruleset) const {
    return in_space(space, [&]() -> Result<Done> {
      const auto ran = run({tools_.nft, "-f", "-"}, ruleset);
      if (!ran) return fail(ran.error());
      return Done{};
    });
  }

  static std::vector<std::string> spaces_of(const std::vector<Host>& hosts) {
    std::vector<std::string> spaces;
    spaces.reserve(hosts.size());
    for (const Host& host : hosts) spaces.push_back(host.space);
    return spaces;
  }

  /// Those that exist; the others are removed already.
  Result<Done> remove_spaces(const std::vector<std::string>& spaces) const {
    const auto all = list_spaces();
    std::string batch;
    for (const auto& space : spaces) {
      if (std::find(all.begin(), all.end(), space) != all.end()) {
        batch += fmt::format("netns del {}\n", space);
      }
    }
    return ip({"-force"}, batch);
  }

  Result<Done> remove_all() const {
    auto spaces = list_spaces();
    std::erase_if(spaces, [&](const std::string& space) { return !is_space_of(space, name_); });
    return remove_spaces(spaces);
  }

  void forget(const Host& host) {
    listeners_.erase(host.space);
    filters_.erase(host.space);
    std::erase(hosts_, host);
  }

  Result<Done> remove_unwanted(const std::vector<Host>& wanted) {
    std::vector<Host> gone = hosts_;
    std::erase_if(gone, [&](const Host& host) {
      return std::find(wanted.begin(), wanted.end(), host) != wanted.end();
    });
    std::string cables;
    for (const Host& host : gone) {
      forget(host);
      cables += fmt::format("link del {}\n", host.link);
    }
    // A process of the user's may keep the namespace alive: its cable must go all the same, and at
    // once.
    if (auto cut = ip({"-force", "-n", fabric_space(name_)}, cables); !cut) return cut;
    return remove_spaces(spaces_of(gone));
  }

  Result<Done> make_spaces(const std::vector<Host>& hosts) const {
    std::string batch;
    for (const Host& host : hosts) batch += fmt::format("netns add {}\n", host.space);
    if (auto made = ip({}, batch); !made) return made;
    for (const Host& host : hosts) {
      auto tuned = in_space(host.space, [] { return tune(false); });
      if (!tuned) return tuned;
    }
    return Done{};
  }

  Result<Done> load_filters(const World& world, const std::vector<Host>& hosts) {
    // Hosts are the clients, then the machines, each in the world's order.
    auto next = hosts.begin() + static_cast<std::ptrdiff_t>(world.clients.size());
    for (const Machine& machine : world.machines) {
      if (!machine.packets) continue;
      const Host& host = *next++;
      const auto filter = compile_filter(world, machine, on_deny_);
      if (filters_[host.space] == filter) continue;
      if (auto loaded = load(host.space, filter); !loaded) {
        filters_.erase(host.space);
        return loaded;
      }
      filters_[host.space] = filter;
    }
    return Done{};
  }

  Result<Done> connect(const std::vector<Host>& hosts) {
    if (auto made = ip({"-n", fabric_space(name_)}, cable_commands(hosts)); !made) return made;
    for (const Host& host : hosts) {
      if (auto made = ip({"-n", host.space}, host_commands(host)); !made) return made;
      if (host.listens.empty()) continue;
      auto opened = Listeners::open(host.space, host.greeting, host.listens);
      if (!opened) return fail(opened.error());
      listeners_[host.space] = std::move(*opened);
    }
    return Done{};
  }

  Result<Done> load_fabric_filter(const std::vector<Host>& hosts) {
    const auto filter = fabric_filter(hosts);
    auto& loaded = filters_[fabric_space(name_)];
    if (loaded == filter) return Done{};
    if (auto done = load(fabric_space(name_), filter); !done) return done;
    loaded = filter;
    return Done{};
  }

  std::string name_;
  OnDeny on_deny_;
  Tools tools_;
  FileDescriptor lock_;
  std::vector<Host> hosts_;                     ///< complete ones
  std::map<std::string, std::string> filters_;  ///< namespace -> the text that is loaded
  std::map<std::string, std::unique_ptr<Listeners>> listeners_;
};

}  // namespace

Result<std::unique_ptr<Dataplane>> make_dataplane(const World& world, const std::string& name,
                                                  OnDeny on_deny) {
  if (!is_lab_name(name)) {
    return fail(
        Error::Kind::invalid,
        fmt::format("not a name for a lab: '{}' (letters, digits, dashes, up to 40)", name));
  }
  if (auto allowed = check_privileges(); !allowed) return fail(allowed.error());
  auto ip = find_program("ip");
  if (!ip) return fail(ip.error());
  auto nft = find_program("nft");
  if (!nft) return fail(nft.error());
  auto locked = lock(name);
  if (!locked) return fail(locked.error());

  auto made = std::make_unique<NetnsDataplane>(
      name, on_deny, NetnsDataplane::Tools{.ip = *ip, .nft = *nft}, std::move(*locked));
  if (auto started = made->start(world); !started) return fail(started.error());
  return made;
}

}  // namespace portcullis::lab::netns

namespace portcullis::lab {

Result<std::unique_ptr<Dataplane>> make_netns_dataplane(const World& world, std::string name) {
  return netns::make_dataplane(world, name, netns::OnDeny::drop);
}

}  // namespace portcullis::lab
