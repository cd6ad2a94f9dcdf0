#include "app/turns.hpp"

#include <catch2/catch.hpp>

#include <string>

#include "cloud/gather.hpp"
#include "support/fake_clock.hpp"
#include "support/run.hpp"

using namespace std::chrono_literals;

namespace portcullis::app {
namespace {

struct Job {
  test::FakeClock& clock;
  cloud::Pauses& pauses;
  Turns& turns;
  std::string& log;
};

Task<bool> work(const Job* job, char name, Duration takes) {
  if (!co_await job->turns.take()) co_return false;
  job->log += name;
  co_await job->clock.sleep_for(takes);
  job->log += static_cast<char>(name - 'a' + 'A');
  job->turns.give_back();
  co_return true;
}

Task<bool> stop_after(const Job* job, Duration wait) {
  co_await job->clock.sleep_for(wait);
  job->pauses.stop();
  co_return true;
}

struct Scene {
  test::FakeClock clock;
  cloud::Pauses pauses{clock};
  Turns turns{pauses, 2};
  std::string log;
  Job job{.clock = clock, .pauses = pauses, .turns = turns, .log = log};
  asio::io_context io;
};

TEST_CASE_METHOD(Scene, "two at a time, and who came first is next", "[reap]") {
  std::vector<Task<bool>> jobs;
  jobs.push_back(work(&job, 'a', 5s));
  jobs.push_back(work(&job, 'b', 1s));
  jobs.push_back(work(&job, 'c', 1s));
  jobs.push_back(work(&job, 'd', 1s));
  CHECK(test::run(io, clock, cloud::gather(std::move(jobs))) == std::vector<bool>(4, true));
  CHECK(log == "abBcCdDA");
}

TEST_CASE_METHOD(Scene, "who waits when all is stopped gets none, and who has one ends", "[reap]") {
  std::vector<Task<bool>> jobs;
  jobs.push_back(work(&job, 'a', 5s));
  jobs.push_back(work(&job, 'b', 5s));
  jobs.push_back(work(&job, 'c', 1s));
  jobs.push_back(stop_after(&job, 1s));
  CHECK(test::run(io, clock, cloud::gather(std::move(jobs))) ==
        std::vector<bool>{true, true, false, true});
  CHECK(log == "abAB");
  CHECK_FALSE(test::run(io, clock, turns.take()));
}

}  // namespace
}  // namespace portcullis::app
