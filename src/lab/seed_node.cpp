#include "lab/seed_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace portcullis::lab {

SeedNode::SeedNode(const YAML::Node& node, std::string field, int parent_line)
    : node_(node),
      field_(std::move(field)),
      line_(node_.Mark().is_null() ? parent_line : node_.Mark().line + 1) {}

void SeedNode::fail(const std::string& problem) const { throw SeedError(line_, field_, problem); }

void SeedNode::expect_members(std::initializer_list<const char*> known) const {
  if (!node_.IsMap()) fail("a map is expected here");
  for (const auto& entry : node_) {
    const auto name = entry.first.as<std::string>();
    if (std::ranges::find(known, name) != known.end()) continue;
    throw SeedError(entry.first.Mark().line + 1, field_, fmt::format("unknown field '{}'", name));
  }
}

bool SeedNode::has(const char* member) const {
  return node_.IsMap() && node_[member].IsDefined() && !node_[member].IsNull();
}

SeedNode SeedNode::at(const char* member) const {
  if (!has(member)) fail(fmt::format("field '{}' is missing", member));
  return {node_[member], field_.empty() ? member : field_ + "." + member, line_};
}

std::vector<SeedNode> SeedNode::items() const {
  if (!node_.IsSequence()) fail("a list is expected here");
  std::vector<SeedNode> out;
  for (const auto& item : node_) {
    out.emplace_back(item, fmt::format("{}[{}]", field_, out.size()), line_);
  }
  return out;
}

std::vector<SeedNode> SeedNode::items(const char* member) const {
  return has(member) ? at(member).items() : std::vector<SeedNode>();
}

std::string SeedNode::text() const {
  if (!node_.IsScalar()) fail("a text is expected here");
  auto text = node_.as<std::string>();
  if (text.empty()) fail("must not be empty");
  return text;
}

std::string SeedNode::text_or(const char* member, std::string fallback) const {
  return has(member) ? text(member) : std::move(fallback);
}

long SeedNode::number(const char* member, long from, long to) const {
  const SeedNode value = at(member);
  const std::string digits = value.text();
  long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < from ||
      number > to) {
    value.fail(fmt::format("'{}' is no number from {} to {}", digits, from, to));
  }
  return number;
}

bool SeedNode::flag_or(const char* member, bool fallback) const {
  if (!has(member)) return fallback;
  const SeedNode value = at(member);
  bool flag = false;
  if (!YAML::convert<bool>::decode(value.node(), flag))
    value.fail("true or false is expected here");
  return flag;
}

std::vector<std::string> SeedNode::texts(const char* member) const {
  if (!has(member)) return {};
  const SeedNode value = at(member);
  if (!value.node().IsSequence()) return {value.text()};
  std::vector<std::string> out;
  for (const SeedNode& item : value.items()) out.push_back(item.text());
  return out;
}

std::vector<std::string> SeedNode::texts_of_either(const char* one, const char* many) const {
  if (has(one) && has(many)) fail(fmt::format("'{}' or '{}', not both", one, many));
  return has(many) ? texts(many) : texts(one);
}

std::map<std::string, std::string> SeedNode::text_map(const char* member) const {
  if (!has(member)) return {};
  const SeedNode value = at(member);
  if (!value.node().IsMap()) value.fail("a map is expected here");
  std::map<std::string, std::string> out;
  for (const auto& entry : value.node()) {
    out[entry.first.as<std::string>()] = entry.second.as<std::string>();
  }
  return out;
}

}  // namespace portcullis::lab
