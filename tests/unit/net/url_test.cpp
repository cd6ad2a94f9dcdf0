#include "net/url.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "net/http.hpp"

namespace portcullis::net::test {

TEST_CASE("An address falls into scheme, host, port and target") {
  struct Case {
    std::string text;
    Origin origin;
    std::string target;
  };
  const Case each =
      GENERATE(Case{"https://management.azure.com/subscriptions/1?api-version=2",
                    {"https", "management.azure.com", 443},
                    "/subscriptions/1?api-version=2"},
               Case{"http://localhost", {"http", "localhost", 80}, "/"},
               Case{"HTTPS://Example.ORG:8443", {"https", "example.org", 8443}, "/"},
               Case{"https://h/a#fragment", {"https", "h", 443}, "/a"},
               Case{"https://h#fragment", {"https", "h", 443}, "/"},
               Case{"https://h?x=y", {"https", "h", 443}, "/?x=y"},
               Case{"https://h/a?next=http://evil/#x", {"https", "h", 443}, "/a?next=http://evil/"},
               Case{"https://h:1/", {"https", "h", 1}, "/"},
               Case{"https://h:65535/", {"https", "h", 65535}, "/"},
               Case{"https://10.0.0.1:6443/", {"https", "10.0.0.1", 6443}, "/"},
               Case{"https://[FD00::1]:6443/x", {"https", "fd00::1", 6443}, "/x"},
               Case{"https://[::1]", {"https", "::1", 443}, "/"},
               Case{"https://h/%2e%2e/%00?%0d%0a", {"https", "h", 443}, "/%2e%2e/%00?%0d%0a"},
               Case{"https://a_b-c.d/", {"https", "a_b-c.d", 443}, "/"});
  CAPTURE(each.text);
  const auto url = parse_url(each.text);
  REQUIRE(url);
  CHECK(url->origin == each.origin);
  CHECK(url->target == each.target);
}

TEST_CASE("What could be read in two ways is no address") {
  const std::string text = GENERATE(values<std::string>(
      {"", "https", "https:", "https:/h/", "https://", "https:///path", "://h/", "//h/", "h/",
       "ftp://h/", "file:///etc/passwd", "javascript://h/", "https ://h/", " https://h/",
       // User information: the host is not what stands first.
       "https://user@h/", "https://user:password@h/", "https://management.azure.com@evil.example/",
       "https://h@", "https://@h/",
       // Backslashes and control characters: browsers and libraries differ.
       "https://h\\@evil/", "https:\\\\h\\", "https://h/a\\b", "https://h/a b", "https://h/\t",
       "https://h/a\r\nX: y", "https://h/\n", std::string("https://h/\0", 11), "https://h\x7f/",
       "https://h\xc3\xa4/", "https://h/\xe2\x80\xae",
       // Ports.
       "https://h:0/", "https://h:65536/", "https://h:99999999999999999999/", "https://h:/",
       "https://h:-1/", "https://h:+1/", "https://h:80a/", "https://h:0x50/", "https://h:80:80/",
       "https://h:%38%30/", "https://:80/",
       // Hosts.
       "https://h%2eexample/", "https://[::1/", "https://::1/", "https://[::1]x/", "https://[]/",
       "https://[::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[zz]/", "https://[1.2.3.4]/",
       "https://a[b]/", "https://a,b/", "https://a;b/", "https://a*b/", "https://$(x)/",
       "https://<h>/", "https://h|x/", "https://h'/", "https://h\"/",
       // Forms that inet_aton reads as an address, and people as a name.
       "https://2130706433/", "https://0x7f000001/", "https://127.1/", "https://010.0.0.1/",
       "https://1.2.3.4.5/", "https://1.2.3.256/", "https://127.0.0.0x1/", "https://127.0.0.1./",
       // Names with empty parts.
       "https://./", "https://../", "https://a..b/", "https://.a/"}));
  CAPTURE(text);
  CHECK_FALSE(parse_url(text));
}

TEST_CASE("An origin reads back as itself") {
  CHECK(to_string({"https", "h", 443}) == "https://h");
  CHECK(to_string({"http", "h", 443}) == "http://h:443");
  CHECK(to_string({"https", "h", 8443}) == "https://h:8443");
  CHECK(to_string({"https", "fd00::1", 443}) == "https://[fd00::1]");
  CHECK(to_string({"http", "::1", 8080}) == "http://[::1]:8080");
  const auto origin = GENERATE(Origin{"https", "h", 443}, Origin{"http", "::1", 8080},
                               Origin{"https", "10.1.2.3", 1});
  CHECK(parse_url(to_string(origin))->origin == origin);
}

TEST_CASE("No text makes the parser accept what it would not print again") {
  CHECK(rc::check([](const std::string& tail) {
    const auto url = parse_url("https://" + tail);
    if (!url) return;
    RC_ASSERT(url->target.starts_with('/'));
    const auto again = parse_url(to_string(url->origin) + url->target);
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->origin == url->origin);
    RC_ASSERT(again->target == url->target);
  }));
}

TEST_CASE("Components are encoded so that they stay one component") {
  CHECK(encode_component("abcXYZ019-._~") == "abcXYZ019-._~");
  CHECK(encode_component("a/b?c#d&e=f %\r\n") == "a%2Fb%3Fc%23d%26e%3Df%20%25%0D%0A");
  CHECK(encode_component("\xc3\xa4\xff") == "%C3%A4%FF");
  CHECK(encode_component(std::string_view("\0", 1)) == "%00");
  CHECK(rc::check([](const std::string& any) {
    const auto url = parse_url("https://h/" + encode_component(any) + "/x");
    RC_ASSERT(url.has_value());
    RC_ASSERT(std::ranges::count(url->target, '/') == 2);
  }));
}

TEST_CASE("Headers are found whatever their case, the first of a name") {
  const Headers headers{{"Retry-After", "1"}, {"retry-after", "2"}};
  CHECK(find_header(headers, "RETRY-AFTER") == "1");
  CHECK_FALSE(find_header(headers, "Retry"));
  CHECK_FALSE(find_header({}, ""));
}

}  // namespace portcullis::net::test
