#include "net/message.hpp"

#include <algorithm>
#include <array>

namespace portcullis::net {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte < 0x7f && c != '#';
         });
}

void add_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";  // RFC 9112: the phrase may be empty, clients ignore it
  }
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_framing(std::string_view name) {
  constexpr std::array names{"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
                             "Upgrade"};
  return std::ranges::any_of(names, [&](std::string_view each) { return same_name(name, each); });
}

std::optional<std::string> find_fault(const Headers& headers) {
  for (const Header& header : headers) {
    if (!is_token(header.name)) return "a header's name is not a token";
    // The value may be a credential: only the name is told.
    if (!is_field_value(header.value)) {
      return "the value of header " + header.name + " has a control character";
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_fault(const Request& request) {
  if (!is_token(request.method)) return "the method is not a token";
  if (!is_target(request.target)) {
    return "the target is not a path with an optional query, percent-encoded";
  }
  return find_fault(request.headers);
}

std::string host_header(const Origin& origin) {
  const std::string address = to_string(origin);
  return address.substr(origin.scheme.size() + 3);
}

std::string print_head(const Request& request, const Origin& origin,
                       const std::string& user_agent) {
  std::string out;
  out.reserve(512 + request.target.size());
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  add_line(out, "Host", host_header(origin));
  if (!find_header(request.headers, "User-Agent")) add_line(out, "User-Agent", user_agent);
  for (const Header& header : request.headers) {
    if (is_framing(header.name) || same_name(header.name, "Host")) continue;
    add_line(out, header.name, header.value);
  }
  // Without a body, only methods that expect one say so: some servers answer 411 otherwise.
  const bool expects_body =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  if (expects_body || !request.body.empty()) {
    add_line(out, "Content-Length", std::to_string(request.body.size()));
  }
  out.append("\r\n");
  return out;
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string print_head(const Response& response, const AnswerFrame& frame) {
  std::string out;
  out.reserve(512);
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  out.append(reason_of(response.status)).append("\r\n");
  if (!find_header(response.headers, "Date")) add_line(out, "Date", frame.date);
  for (const Header& header : response.headers) {
    if (!is_framing(header.name)) add_line(out, header.name, header.value);
  }
  if (may_have_body(response.status)) {
    const auto own = frame.to_head_request && response.body.empty()
                         ? find_header(response.headers, "Content-Length")
                         : std::nullopt;
    add_line(out, "Content-Length", own ? std::string(*own) : std::to_string(response.body.size()));
  }
  if (!frame.keep_alive) add_line(out, "Connection", "close");
  out.append("\r\n");
  return out;
}

}  // namespace portcullis::net
