#pragma once

#include <simdjson.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
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

/// Objects of one resource by key ("namespace/name" or "name"), as T. Readers get const pointers
/// that stay valid as snapshots (shared, immutable).
template <typename T>
class Store final : public ObjectSink {
 public:
  using Pointer = std::shared_ptr<const T>;
  using Decode = std::function<Result<T>(simdjson::dom::element)>;
  using KeyOf = std::function<std::string(simdjson::dom::element)>;
  /// `before` is null for a new object, `after` for one that went.
  using Listener =
      std::function<void(const std::string& key, const Pointer& before, const Pointer& after)>;
  using OnPoison = std::function<void(const std::string& key, const Error& error)>;

  Store(KeyOf key_of, Decode decode, OnPoison on_poison)
      : key_of_(std::move(key_of)), decode_(std::move(decode)), on_poison_(std::move(on_poison)) {}

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }

  bool synced() const { return synced_; }
  /// Called once, when the first whole list is in place.
  void when_synced(std::function<void()> call) { on_synced_ = std::move(call); }
  const std::map<std::string, Pointer>& all() const { return objects_; }
  Pointer find(const std::string& key) const {
    const auto found = objects_.find(key);
    return found == objects_.end() ? nullptr : found->second;
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
      (replacing_ ? new_poisoned_ : poisoned_).insert(key);
      why_poisoned_.insert_or_assign(key, decoded.error());
      forget(key);
      return;
    }
    auto pointer = std::make_shared<const T>(std::move(*decoded));
    (replacing_ ? new_poisoned_ : poisoned_).erase(key);
    if (replacing_) {
      new_objects_[key] = std::move(pointer);
      return;
    }
    const Pointer before = std::exchange(objects_[key], pointer);
    tell(key, before, pointer);
  }

  void erase(simdjson::dom::element object) override {
    const std::string key = key_of_(object);
    (replacing_ ? new_poisoned_ : poisoned_).erase(key);
    forget(key);
  }

  void begin_replace() override {
    replacing_ = true;
    new_objects_.clear();
    new_poisoned_.clear();
  }

  void end_replace() override {
    replacing_ = false;
    auto before = std::exchange(objects_, std::move(new_objects_));
    poisoned_ = std::move(new_poisoned_);
    new_objects_.clear();
    new_poisoned_.clear();
    std::erase_if(why_poisoned_,
                  [this](const auto& entry) { return !poisoned_.contains(entry.first); });
    const bool first = !std::exchange(synced_, true);
    // A listener may look at the whole store: so it is told only when all is in place.
    const auto after = objects_;
    for (const auto& [key, object] : after) {
      const auto old = before.find(key);
      tell(key, old == before.end() ? nullptr : old->second, object);
    }
    for (const auto& [key, object] : before) {
      if (!after.contains(key)) tell(key, object, nullptr);
    }
    if (first && on_synced_) on_synced_();
  }

  void abort_replace() override {
    replacing_ = false;
    new_objects_.clear();
    new_poisoned_.clear();
  }

 private:
  void forget(const std::string& key) {
    if (replacing_) {
      new_objects_.erase(key);
      return;
    }
    const auto found = objects_.find(key);
    if (found == objects_.end()) return;
    const Pointer before = found->second;
    objects_.erase(found);
    tell(key, before, nullptr);
  }

  void tell(const std::string& key, const Pointer& before, const Pointer& after) {
    for (const Listener& listener : listeners_) listener(key, before, after);
  }

  KeyOf key_of_;
  Decode decode_;
  OnPoison on_poison_;
  std::vector<Listener> listeners_;
  std::function<void()> on_synced_;
  std::map<std::string, Pointer> objects_;
  std::map<std::string, Pointer> new_objects_;
  std::set<std::string> poisoned_;
  std::set<std::string> new_poisoned_;
  std::map<std::string, Error> why_poisoned_;  ///< of those in either set, and some that were
  bool replacing_ = false;
  bool synced_ = false;
};

}  // namespace portcullis::kube
