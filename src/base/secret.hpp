#pragma once

#include <string>
#include <utility>

namespace portcullis {

/// Text that must not be printed: it has no stream operator and no formatter, and whoever needs the
/// text has to say `reveal`.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

  bool operator==(const Secret&) const = default;

 private:
  std::string text_;
};

}  // namespace portcullis
