#include "cloud/pauses.hpp"

namespace portcullis::cloud {
namespace {

tl::unexpected<Error> stopping() { return fail(Error::Kind::cancelled, "stopping"); }

}  // namespace

Task<Result<Done>> Pauses::sleep(Duration duration, Wake& wake) {
  if (stopped_) co_return stopping();
  const auto self = sleepers_.insert(sleepers_.end(), &wake);
  co_await clock_.sleep_for(duration, &wake);
  sleepers_.erase(self);
  if (stopped_) co_return stopping();
  co_return Done{};
}

Task<Result<Done>> Pauses::sleep(Duration duration) {
  Wake wake;
  co_return co_await sleep(duration, wake);
}

void Pauses::stop() {
  stopped_ = true;
  const std::list<Wake*> sleepers = sleepers_;  // a woken one leaves the list
  for (Wake* sleeper : sleepers) sleeper->notify();
}

}  // namespace portcullis::cloud
