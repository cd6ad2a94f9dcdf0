#include "kube/yaml_json.hpp"

#include <yaml-cpp/yaml.h>

#include <charconv>

namespace portcullis::kube {
namespace {

using nlohmann::json;

constexpr int deepest = 64;

json plain(const std::string& text) {
  if (text.empty() || text == "null" || text == "~") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size()) return number;
  return text;
}

json convert(const YAML::Node& node, int depth) {
  if (depth > deepest) throw YAML::Exception(node.Mark(), "nested too deeply");
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return nullptr;
    case YAML::NodeType::Scalar:
      return node.Tag() == "!" ? json(node.Scalar()) : plain(node.Scalar());
    case YAML::NodeType::Sequence: {
      json out = json::array();
      for (const auto& item : node) out.push_back(convert(item, depth + 1));
      return out;
    }
    case YAML::NodeType::Map: {
      json out = json::object();
      for (const auto& entry : node) {
        out[entry.first.Scalar()] = convert(entry.second, depth + 1);
      }
      return out;
    }
  }
  return nullptr;
}

}  // namespace

Result<std::vector<json>> read_manifest(const std::string& text) {
  try {
    std::vector<json> documents;
    for (const YAML::Node& node : YAML::LoadAll(text)) {
      json document = convert(node, 0);
      if (!document.is_null()) documents.push_back(std::move(document));
    }
    return documents;
  } catch (const YAML::Exception& error) {
    return fail(Error::Kind::malformed, std::string("not YAML: ") + error.what());
  }
}

}  // namespace portcullis::kube
