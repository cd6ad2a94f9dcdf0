#include "kube/files.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace portcullis::kube {

Result<std::string> read_file(const std::string& path) {
  constexpr std::streamsize limit = 4 << 20;
  std::error_code problem;
  const auto kind = std::filesystem::status(path, problem).type();
  if (kind == std::filesystem::file_type::not_found) {
    return fail(Error::Kind::not_found, fmt::format("{}: no such file", path));
  }
  if (kind == std::filesystem::file_type::directory) {
    return fail(Error::Kind::invalid, fmt::format("{}: is a directory", path));
  }
  // Opening a pipe waits for whoever writes, and what is read again later has to be there then.
  if (!problem && kind != std::filesystem::file_type::regular) {
    return fail(Error::Kind::invalid, fmt::format("{}: is not a regular file", path));
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char buffer[16384];
  while (file && text.size() <= static_cast<std::size_t>(limit)) {
    file.read(buffer, sizeof buffer);
    text.append(buffer, static_cast<std::size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    return fail(Error::Kind::invalid, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (text.size() > static_cast<std::size_t>(limit)) {
    return fail(Error::Kind::invalid, fmt::format("{}: longer than {} bytes", path, limit));
  }
  return text;
}

std::string trimmed(const std::string& text) {
  constexpr const char* space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace portcullis::kube
