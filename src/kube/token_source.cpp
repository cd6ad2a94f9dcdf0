#include <fmt/format.h>

#include "base/log.hpp"
#include "kube/config.hpp"
#include "kube/files.hpp"

namespace portcullis::kube {
namespace {

class FixedToken final : public TokenSource {
 public:
  explicit FixedToken(Secret token) : token_(std::move(token)) {}
  Result<Secret> token() override { return token_; }
  void reject() override {}

 private:
  Secret token_;
};

/// A token that the kubelet renews in its file, long before the old one ends.
class FileToken final : public TokenSource {
 public:
  FileToken(std::string file, Clock& clock) : file_(std::move(file)), clock_(clock) {}

  Result<Secret> token() override {
    const BootTime now = clock_.boot_now();
    if (fresh_ && now - read_at_ < std::chrono::minutes(1)) return token_;
    auto text = read_file(file_);
    if (text && trimmed(*text).empty()) {
      text = fail(Error::Kind::invalid, fmt::format("{}: is empty", file_));
    }
    if (text) {
      token_ = Secret(trimmed(*text));
      fresh_ = true;
      read_at_ = now;
      return token_;
    }
    if (token_.empty()) {
      return fail({.kind = Error::Kind::unauthorized, .message = text.error().message});
    }
    // It may well be good for some time yet: better than to fall silent over a moment's trouble.
    log::warning("Token file cannot be read; the old token stays",
                 {{"problem", text.error().message}});
    fresh_ = true;
    read_at_ = now;
    return token_;
  }

  void reject() override { fresh_ = false; }

 private:
  std::string file_;
  Clock& clock_;
  Secret token_;
  bool fresh_ = false;
  BootTime read_at_{};
};

}  // namespace

std::unique_ptr<TokenSource> make_token_source(const Config& config, Clock& clock) {
  if (!config.token_file.empty()) return std::make_unique<FileToken>(config.token_file, clock);
  if (!config.token.empty()) return std::make_unique<FixedToken>(config.token);
  return nullptr;
}

}  // namespace portcullis::kube
