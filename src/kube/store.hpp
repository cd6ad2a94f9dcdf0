#pragma once

#include <simdjson.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace portcullis::kube {

/// What a reflector feeds. Objects come as parsed JSON and are kept as whatever the sink makes of
/// them.
class ObjectSink {
 public:
  virtual ~ObjectSink() = default;

  /// Added or changed. An object that cannot be decoded is kept out (an older copy is dropped),
  /// logged and counted by the sink; it never stops the others.
  virtual void put(simdjson::dom::element object) = 0;
  virtual void erase(simdjson::dom::element object) = 0;

  /// Between these, `put` fills a new set; `end_replace` swaps it in and reports what differs,
  /// deletions included. `abort_replace` forgets it.
  virtual void begin_replace() = 0;
  virtual void end_replace() = 0;
  virtual void abort_replace() = 0;
};

/// What tells objects of one resource apart.
struct Names {
  std::string_view ns;  ///< empty for cluster-scoped kinds
  std::string_view name;

  auto operator<=>(const Names&) const = default;
};

/// Of an object that a store keeps. Overloaded beside a T that has no such `meta`.
template <typename T>
Names names_of(const T& object) {
  return {object.meta.ns, object.meta.name};
}

/// Objects of one resource by key ("namespace/name" or "name"), as T. Readers get const pointers
/// that stay valid as snapshots (shared, immutable). `KeyOf` and `names_of` must say the same.
template <typename T>
class Store final : public ObjectSink {
 public:
  using Pointer = std::shared_ptr<const T>;
  /// An object is found by what stands in itself: thousands would have a second copy of it.
  struct ByNames {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const { return of(a) < of(b); }
    bool operator()(const Pointer& a, const Names& b) const { return of(a) < b; }
    bool operator()(const Names& a, const Pointer& b) const { return a < of(b); }

   private:
    static Names of(const Pointer& object) { return names_of(*object); }
  };
  using Objects = std::set<Pointer, ByNames>;
  using Decode = std::function<Result<T>(simdjson::dom::element)>;
  using KeyOf = std::function<std::string(simdjson::dom::element)>;
  /// `before` is null for a new object, `after` for one that went. A listener may look at the
  /// store, and must not change it.
  using Listener =
      std::function<void(const std::string& key, const Pointer& before, const Pointer& after)>;
  using OnPoison = std::function<void(const std::string& key, const Error& error)>;

  Store(KeyOf key_of, Decode decode, OnPoison on_poison)
      : key_of_(std::move(key_of)), decode_(std::move(decode)), on_poison_(std::move(on_poison)) {}

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }

  /// Called when an object comes to be understood, or not to be any more, or goes without ever
  /// having been; after the listeners.
  void when_poisoned_changes(std::function<void()> call) { on_change_ = std::move(call); }

  bool synced() const { return synced_; }
  /// Called once, when the first whole list is in place.
  void when_synced(std::function<void()> call) { on_synced_ = std::move(call); }
  const Objects& all() const { return objects_; }
  Pointer find(std::string_view key) const {
    const auto found = objects_.find(split(key));
    return found == objects_.end() ? nullptr : *found;
  }
  /// Keys of objects that could not be decoded: there, but not understood.
  const std::set<std::string>& poisoned() const { return poisoned_; }
  /// Why the object of that key is one of those; null if it is not.
  const Error* why_poisoned(const std::string& key) const {
    return poisoned_.contains(key) ? &why_poisoned_.at(key) : nullptr;
  }

  void put(simdjson::dom::element object) override {
    const std::string key = key_of_(object);
    auto decoded = decode_(object);
    if (!decoded) {
      on_poison_(key, decoded.error());
      const bool is_new = (replacing_ ? new_poisoned_ : poisoned_).insert(key).second;
      why_poisoned_.insert_or_assign(key, decoded.error());
      forget(key);
      if (is_new) tell_poisoned();
      return;
    }
    auto pointer = std::make_shared<const T>(std::move(*decoded));
    const bool was_poisoned = (replacing_ ? new_poisoned_ : poisoned_).erase(key) > 0;
    const Pointer before = replace_in(replacing_ ? new_objects_ : objects_, pointer);
    if (!replacing_) tell(key, before, pointer);
    if (was_poisoned) tell_poisoned();
  }

  void erase(simdjson::dom::element object) override {
    const std::string key = key_of_(object);
    const bool was_poisoned = (replacing_ ? new_poisoned_ : poisoned_).erase(key) > 0;
    forget(key);
    if (was_poisoned) tell_poisoned();
  }

  void begin_replace() override {
    replacing_ = true;
    new_objects_.clear();
    new_poisoned_.clear();
  }

  void end_replace() override {
    replacing_ = false;
    const auto before = std::exchange(objects_, std::move(new_objects_));
    const bool change = poisoned_ != new_poisoned_;
    poisoned_ = std::move(new_poisoned_);
    new_objects_.clear();
    new_poisoned_.clear();
    std::erase_if(why_poisoned_,
                  [this](const auto& entry) { return !poisoned_.contains(entry.first); });
    const bool first = !std::exchange(synced_, true);
    // A listener may look at the whole store: so it is told only when all is in place.
    for (const Pointer& object : objects_) {
      const auto old = before.find(object);
      tell(key_of(*object), old == before.end() ? nullptr : *old, object);
    }
    for (const Pointer& object : before) {
      if (!objects_.contains(object)) tell(key_of(*object), object, nullptr);
    }
    if (change) tell_poisoned();
    if (first && on_synced_) on_synced_();
  }

  void abort_replace() override {
    replacing_ = false;
    new_objects_.clear();
    new_poisoned_.clear();
  }

 private:
  void forget(const std::string& key) {
    Objects& objects = replacing_ ? new_objects_ : objects_;
    const auto found = objects.find(split(key));
    if (found == objects.end()) return;
    const Pointer before = *found;
    objects.erase(found);
    if (!replacing_) tell(key, before, nullptr);
  }

  /// The one whose place it takes; null if there was none.
  static Pointer replace_in(Objects& objects, const Pointer& object) {
    const auto [place, is_new] = objects.insert(object);
    if (is_new) return nullptr;
    auto node = objects.extract(place);
    Pointer before = std::exchange(node.value(), object);
    objects.insert(std::move(node));
    return before;
  }

  static Names split(std::string_view key) {
    const auto slash = key.find('/');
    if (slash == std::string_view::npos) return {.ns = {}, .name = key};
    return {.ns = key.substr(0, slash), .name = key.substr(slash + 1)};
  }

  static std::string key_of(const T& object) {
    const Names names = names_of(object);
    return names.ns.empty() ? std::string(names.name)
                            : std::string(names.ns).append("/").append(names.name);
  }

  void tell(const std::string& key, const Pointer& before, const Pointer& after) {
    for (const Listener& listener : listeners_) listener(key, before, after);
  }

  void tell_poisoned() {
    if (!replacing_ && on_change_) on_change_();
  }

  KeyOf key_of_;
  Decode decode_;
  OnPoison on_poison_;
  std::vector<Listener> listeners_;
  std::function<void()> on_synced_;
  std::function<void()> on_change_;
  Objects objects_;
  Objects new_objects_;
  std::set<std::string> poisoned_;
  std::set<std::string> new_poisoned_;
  std::map<std::string, Error> why_poisoned_;  ///< of those in either set, and some that were
  bool replacing_ = false;
  bool synced_ = false;
};

}  // namespace portcullis::kube
