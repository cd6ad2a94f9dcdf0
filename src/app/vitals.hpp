#pragma once

#include "app/health.hpp"
#include "controllers/world.hpp"
#include "kube/lease.hpp"

namespace portcullis::app {

/// The parts that the process's health is judged by.
struct Vitals {
  bool failed = false;
  bool stopping = false;
  const kube::Elector* elector = nullptr;     ///< null: it is not known yet who we are
  const controllers::World* world = nullptr;  ///< null: never led
};

/// One who waits for the lease is ready as long as it sees who holds it. One who leads is ready
/// once it has read all objects, and while it holds the lease. Guards that do not hold are no
/// reason to start anew, and the message says no more of them than that.
Health judge_health(const Vitals& vitals);

}  // namespace portcullis::app
