#include "cloud/excerpt.hpp"

#include <algorithm>

#include "net/url.hpp"

namespace portcullis::cloud {
namespace {

constexpr std::string_view mask = "[hidden]";

void replace_all(std::string& text, std::string_view what) {
  if (what.empty()) return;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), mask);
    at += mask.size();
  }
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

/// JSON web tokens start with the base64 of '{"'.
void hide_web_tokens(std::string& text) {
  constexpr std::ptrdiff_t shortest = 20;
  for (auto at = text.find("eyJ"); at != std::string::npos; at = text.find("eyJ", at)) {
    const auto begin = text.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = std::find_if_not(begin, text.end(), is_token_character);
    if (end - begin >= shortest) text.replace(begin, end, mask);
    at += 3;
  }
}

}  // namespace

std::string excerpt(std::string_view text, std::size_t limit,
                    std::initializer_list<const Secret*> hidden) {
  // No more than could matter: an error page may be megabytes. A secret across the cut must still
  // be seen whole, so the margin is generous.
  std::string whole(text.substr(0, 64u << 10));
  for (const Secret* secret : hidden) {
    replace_all(whole, secret->reveal());
    replace_all(whole, net::encode_component(secret->reveal()));
  }
  hide_web_tokens(whole);

  std::string line;
  for (const char c : whole) {
    const auto byte = static_cast<unsigned char>(c);
    const char printable = byte <= 0x20 || byte == 0x7f ? ' ' : byte > 0x7f ? '?' : c;
    if (printable == ' ' && (line.empty() || line.back() == ' ')) continue;
    if (line.size() == limit) {
      line.replace(limit - std::min<std::size_t>(limit, 3), 3, "...");
      break;
    }
    line += printable;
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace portcullis::cloud
