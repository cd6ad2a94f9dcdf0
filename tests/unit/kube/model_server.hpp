#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "reflector_world.hpp"

namespace portcullis::kube {

/// An API server that keeps widgets, forgets old versions, and does everything wrong that a network
/// and a server may do, as often as `faults` says (0 to 1).
class ModelServer {
 public:
  ModelServer(std::uint32_t seed, bool streaming_lists)
      : random_(seed), streaming_lists_(streaming_lists) {}

  double faults = 0;
  std::map<std::string, int> met;  ///< what went wrong, how often

  void attach(test::FakeTransport& transport) {
    transport.serve = [this](const net::Request& request) { return list(request.target); };
    transport.serve_stream = [this](const net::Request& request) { return open(request.target); };
  }

  /// Creates, changes or deletes something.
  void mutate() {
    const std::string name(1, static_cast<char>('a' + below(8)));
    const auto found = objects_.find(name);
    const int version = ++version_;
    if (found != objects_.end() && chance(0.4)) {
      publish(
          {version, "DELETED", object_text(name, found->second.value, std::to_string(version))});
      objects_.erase(found);
      return;
    }
    const std::string value = "v" + std::to_string(version);
    const char* type = found == objects_.end() ? "ADDED" : "MODIFIED";
    objects_[name] = {value, version};
    publish({version, type, object_text(name, value, std::to_string(version))});
  }

  void bookmark() {
    for (Live& live : live_) {
      if (live.synced) send(live, bookmark_text(std::to_string(version_)));
    }
  }

  /// Breaks what is open, now and then.
  void disturb() {
    for (Live& live : live_) {
      if (!chance(faults)) continue;
      switch (below(8)) {
        case 0:
          fault("closed"), end(live);
          break;
        case 1:
          fault("reset"), live.stream->fail({.message = "reset"}), live.gone = true;
          break;
        case 2:
          fault("cut within a line");
          send(live, event_text("ADDED", object_text("zz", "torn", "1")).substr(0, 60));
          end(live);
          break;
        case 3:
          fault("hang"), live.gone = true;
          break;
        case 4:
          fault("ERROR 410"), send(live, error_event_text(410, "Expired")), end(live);
          break;
        case 5:
          fault("ERROR 500"), send(live, error_event_text(500, "InternalError")), end(live);
          break;
        case 6:
          fault("nonsense"), send(live, "{\"type\":]\n"), live.gone = true;
          break;
        default:
          fault("unknown type"), send(live, event_text("NOVEL", "{}"));
          break;
      }
    }
    std::erase_if(live_, [](const Live& live) { return live.gone || live.stream->closed; });
    if (chance(faults / 4)) fault("compaction"), oldest_ = version_ + 1;
    if (chance(faults / 4)) fault("snapshots gone"), snapshots_.clear();
  }

  Contents contents() const {
    Contents all;
    for (const auto& [name, object] : objects_) all["ns/" + name] = object.value;
    return all;
  }

 private:
  struct Object {
    std::string value;
    int version;
  };
  struct Change {
    int version;
    std::string type;
    std::string object;
  };
  struct Live {
    test::ScriptedStreamPtr stream;
    bool synced = true;
    bool gone = false;
  };

  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(random_) < p; }
  int below(int count) { return std::uniform_int_distribution<int>(0, count - 1)(random_); }
  void fault(const char* what) { ++met[what]; }

  /// Bytes travel in pieces of any size.
  void send(Live& live, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
      const auto size = static_cast<std::size_t>(1 + below(chance(0.3) ? 7 : 200));
      live.stream->piece(text.substr(at, size));
      at += std::min(size, text.size() - at);
    }
  }

  void end(Live& live) {
    live.stream->end();
    live.gone = true;
  }

  void publish(Change change) {
    for (Live& live : live_) {
      send(live, event_text(change.type, change.object));
      if (chance(faults))
        fault("repeated event"), send(live, event_text(change.type, change.object));
    }
    log_.push_back(std::move(change));
  }

  Result<test::ScriptedStreamPtr> open(const std::string& target) {
    if (chance(faults)) {
      switch (below(4)) {
        case 0:
          return fault("refused"), fail(Error::Kind::unavailable, "connection refused");
        case 1:
          return fault("open 429"), refusal(429, "TooManyRequests");
        case 2:
          return fault("open 500"), refusal(500, "InternalError");
        default:
          return fault("open 410"), refusal(410, "Expired");
      }
    }
    Live live{.stream = test::make_stream()};
    const auto at = target.find("&resourceVersion=");
    if (at == std::string::npos) {
      if (!streaming_lists_) return refusal(422, "sendInitialEvents is forbidden for watch");
      for (const auto& [name, object] : objects_) {
        send(live,
             event_text("ADDED", object_text(name, object.value, std::to_string(object.version))));
      }
      if (chance(faults)) {
        fault("list cut");
        live.stream->end();
        return live.stream;
      }
      send(live, bookmark_text(std::to_string(version_), true));
    } else {
      const int from = std::stoi(target.substr(at + 17));
      if (from < oldest_) {
        send(live, error_event_text(410, "Expired"));
        live.stream->end();
        return live.stream;
      }
      for (const Change& change : log_) {
        if (change.version > from) send(live, event_text(change.type, change.object));
      }
    }
    live_.push_back(live);
    return live.stream;
  }

  static Result<test::ScriptedStreamPtr> refusal(int status, const std::string& message) {
    auto stream = test::make_stream(status);
    stream->piece(status_text(status, "", message)).end();
    return stream;
  }

  Result<net::Response> list(const std::string& target) {
    if (chance(faults)) {
      switch (below(3)) {
        case 0:
          return fault("list refused"), fail(Error::Kind::unavailable, "connection refused");
        case 1:
          return fault("list 500"), net::Response{.status = 500};
        default:
          return fault("list torn"), net::Response{.status = 200, .body = "{\"kind\":\"Wid"};
      }
    }
    const auto at = target.find("continue=");
    if (at == std::string::npos) {
      const std::string id = "s" + std::to_string(++snapshot_count_);
      Snapshot snapshot{.version = version_};
      for (const auto& [name, object] : objects_) {
        snapshot.items.push_back(object_text(name, object.value, std::to_string(object.version)));
      }
      return page(id, std::move(snapshot), has(target, "limit="));
    }
    const std::string id = target.substr(at + 9);
    const auto found = snapshots_.extract(id);
    if (!found) {
      fault("token gone");
      return net::Response{.status = 410, .body = status_text(410, "Expired", "token")};
    }
    return page(id + "x", std::move(found.mapped()), true);
  }

  struct Snapshot {
    int version;
    std::vector<std::string> items{};
  };

  Result<net::Response> page(const std::string& id, Snapshot snapshot, bool paged) {
    std::vector<std::string> items = snapshot.items;
    std::string token;
    if (paged && items.size() > 3) {
      items.resize(3);
      snapshot.items.erase(snapshot.items.begin(), snapshot.items.begin() + 3);
      token = id;
    }
    auto body = list_text(items, std::to_string(snapshot.version), token);
    if (!token.empty()) snapshots_.insert_or_assign(id, std::move(snapshot));
    return net::Response{.status = 200, .body = std::move(body)};
  }

  std::mt19937 random_;
  bool streaming_lists_;
  int version_ = 10;
  int oldest_ = 0;
  std::map<std::string, Object> objects_;
  std::vector<Change> log_;
  std::vector<Live> live_;
  std::map<std::string, Snapshot> snapshots_;
  int snapshot_count_ = 0;
};

}  // namespace portcullis::kube
