#include "app/failure.hpp"

#include <catch2/catch.hpp>

#include <stdexcept>

#include "support/run_io.hpp"

namespace portcullis::app {
namespace {

enum class How { ends_well, throws, throws_no_exception };

Task<void> part(How how) {
  if (how == How::throws) throw std::runtime_error("it broke");
  if (how == How::throws_no_exception) throw 7;
  co_return;
}

TEST_CASE("what a part of the program throws is a value that others can act on", "[app]") {
  asio::io_context io;
  CHECK(test::run(io, failure_of(part(How::ends_well))) == std::nullopt);
  CHECK(test::run(io, failure_of(part(How::throws))) == "it broke");
  CHECK(test::run(io, failure_of(part(How::throws_no_exception))) ==
        "an exception of an unknown type");
}

}  // namespace
}  // namespace portcullis::app
