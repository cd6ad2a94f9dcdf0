#include "net/shutdown_hook.hpp"

namespace portcullis::net {

/// Lives inside the io_context, which shuts its services down before it frees any of them.
class ShutdownHooks final : public asio::execution_context::service {
 public:
  using key_type = ShutdownHooks;
  static asio::execution_context::id id;

  explicit ShutdownHooks(asio::execution_context& context)
      : asio::execution_context::service(context) {}

  std::list<ShutdownHook*> hooks;

 private:
  void shutdown() override {
    while (!hooks.empty()) {
      ShutdownHook* hook = hooks.front();
      hooks.pop_front();
      hook->hooks_ = nullptr;
      hook->action_();
    }
  }
};

asio::execution_context::id ShutdownHooks::id;

ShutdownHook::ShutdownHook(asio::io_context& io, std::function<void()> action)
    : hooks_(&asio::use_service<ShutdownHooks>(io)), action_(std::move(action)) {
  place_ = hooks_->hooks.insert(hooks_->hooks.end(), this);
}

ShutdownHook::~ShutdownHook() {
  if (hooks_ != nullptr) hooks_->hooks.erase(place_);
}

}  // namespace portcullis::net
