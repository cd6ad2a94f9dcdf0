#pragma once

#include <functional>
#include <list>

#include "base/asio.hpp"

namespace portcullis::net {

class ShutdownHooks;

/// Runs `action` when the io_context dies while this object still lives. What holds a socket or
/// hands work to an io_context from another thread may outlive it (an incarnation dies io_context
/// first), and an Asio object that is destroyed after its io_context uses freed memory. The action
/// runs in the io_context's destructor: it lets go of things and touches no seam.
class ShutdownHook {
 public:
  ShutdownHook(asio::io_context& io, std::function<void()> action);
  ~ShutdownHook();
  ShutdownHook(const ShutdownHook&) = delete;
  ShutdownHook& operator=(const ShutdownHook&) = delete;

 private:
  friend class ShutdownHooks;

  ShutdownHooks* hooks_;  ///< null once the io_context is gone
  std::function<void()> action_;
  std::list<ShutdownHook*>::iterator place_;
};

}  // namespace portcullis::net
