#include "cloud/excerpt.hpp"

#include <catch2/catch.hpp>

namespace portcullis::cloud {

TEST_CASE("a server's text becomes one line of plain characters") {
  CHECK(excerpt("<html>\r\n\t<h1>Bad\x1b[31m Gateway</h1>", 100) ==
        "<html> <h1>Bad [31m Gateway</h1>");
  CHECK(excerpt("caf\xc3\xa9", 100) == "caf??");
  CHECK(excerpt("  \n ", 100).empty());
}

TEST_CASE("a long text is cut and says so") {
  CHECK(excerpt("0123456789", 10) == "0123456789");
  CHECK(excerpt("0123456789a", 10) == "0123456...");
  CHECK(excerpt(std::string(5u << 20, 'x'), 20).size() == 20);
}

TEST_CASE("secrets that a server echoes are masked, plain and percent-encoded") {
  const Secret secret("s3cr+t/value");
  CHECK(excerpt("you sent s3cr+t/value, twice: s3cr+t/value", 200, {&secret}) ==
        "you sent [hidden], twice: [hidden]");
  CHECK(excerpt("client_secret=s3cr%2Bt%2Fvalue&x=1", 200, {&secret}) ==
        "client_secret=[hidden]&x=1");
  const Secret nothing;
  CHECK(excerpt("text", 200, {&nothing}) == "text");
}

TEST_CASE("a secret across the cut is masked before the text is cut") {
  const Secret secret("0123456789");
  CHECK(excerpt("abcdef0123456789", 12, {&secret}) == "abcdef[hi...");
}

TEST_CASE("whatever looks like a web token is masked") {
  CHECK(excerpt("Authorization: Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJhIn0.c2ln-_x here", 200) ==
        "Authorization: Bearer [hidden] here");
  CHECK(excerpt("eyJ is short", 200) == "eyJ is short");
}

}  // namespace portcullis::cloud
