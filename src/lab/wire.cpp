#include "lab/wire.hpp"

#include <fmt/format.h>

#include <array>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      out += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  return out;
}

constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string Call::query_or(const std::string& name, std::string fallback) const {
  const auto found = query.find(name);
  if (found != query.end()) return found->second;
  return fallback;
}

std::optional<std::map<std::string, std::string>> parse_form(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decode(pair.substr(0, equals), true);
    const auto value =
        percent_decode(equals < pair.size() ? pair.substr(equals + 1) : std::string_view(), true);
    if (!name || !value) return std::nullopt;
    fields[lower(*name)] = *value;
  }
  return fields;
}

std::optional<Call> parse_call(const net::Request& request) {
  std::string_view target = request.target;
  if (!target.starts_with('/')) return std::nullopt;
  Call call;
  call.method = request.method;
  call.request = &request;
  if (const auto question = target.find('?'); question != std::string_view::npos) {
    auto query = parse_form(target.substr(question + 1));
    if (!query) return std::nullopt;
    call.query = std::move(*query);
    target = target.substr(0, question);
  }
  while (!target.empty()) {
    target.remove_prefix(1);
    const auto end = std::min(target.find('/'), target.size());
    if (end > 0) {  // ARM reads "//" as "/"
      auto segment = percent_decode(target.substr(0, end), false);
      if (!segment) return std::nullopt;
      call.path.push_back(std::move(*segment));
    }
    target.remove_prefix(end);
  }
  return call;
}

bool path_is(const Call& call, std::initializer_list<std::string_view> pattern) {
  if (call.path.size() != pattern.size()) return false;
  auto segment = call.path.begin();
  for (const std::string_view wanted : pattern) {
    if (wanted != "*" && !same_name(*segment, wanted)) return false;
    ++segment;
  }
  return true;
}

net::Response json_answer(int status, const Json& body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json; charset=utf-8"}},
          // Bytes that are no UTF-8 came from the caller; they go back as U+FFFD.
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

net::Response empty_answer(int status) { return {.status = status, .headers = {}, .body = {}}; }

net::Response arm_error(int status, std::string_view code, std::string_view message, Json details) {
  Json error = {{"code", code}, {"message", message}};
  if (!details.is_null()) error["details"] = std::move(details);
  return json_answer(status, {{"error", std::move(error)}});
}

std::string base64url(std::string_view bytes) {
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += base64url_alphabet[(buffer >> bits) & 0x3f];
    }
  }
  if (bits > 0) out += base64url_alphabet[(buffer << (6 - bits)) & 0x3f];
  return out;
}

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = base64url_alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    buffer = ((buffer << 6) | static_cast<unsigned>(value)) & 0xffffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((buffer >> bits) & 0xff);
    }
  }
  return out;
}

std::string http_date(TimePoint time) {
  constexpr std::array weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
      weekdays.at(std::chrono::weekday(day).c_encoding()), static_cast<unsigned>(date.day()),
      months.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
      clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

void set_header(net::Response& response, std::string_view name, std::string value) {
  std::erase_if(response.headers,
                [&](const net::Header& header) { return same_name(header.name, name); });
  response.headers.push_back({std::string(name), std::move(value)});
}

}  // namespace portcullis::lab
