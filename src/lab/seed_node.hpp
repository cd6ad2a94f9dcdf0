#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace portcullis::lab {

/// Why a seed cannot be read; caught where the text came in.
struct SeedError : std::runtime_error {
  SeedError(int at, const std::string& field, const std::string& problem)
      : std::runtime_error(field.empty() ? problem : field + ": " + problem), line(at) {}
  int line;
};

/// A YAML node that knows its place in the file, so that every complaint can say where.
class SeedNode {
 public:
  SeedNode(const YAML::Node& node, std::string field, int parent_line);

  /// The map's members are these and no others.
  void expect_members(std::initializer_list<const char*> known) const;

  bool has(const char* member) const;
  SeedNode at(const char* member) const;                  ///< must be there
  std::vector<SeedNode> items(const char* member) const;  ///< of a list; empty if absent
  std::vector<SeedNode> items() const;

  std::string text() const;  ///< of a scalar, not empty
  std::string text(const char* member) const { return at(member).text(); }
  std::string text_or(const char* member, std::string fallback) const;
  long number(const char* member, long from, long to) const;
  bool flag_or(const char* member, bool fallback) const;
  /// A scalar or a list of scalars; both spellings of a member: {"source", "sources"}.
  std::vector<std::string> texts(const char* member) const;
  std::vector<std::string> texts_of_either(const char* one, const char* many) const;

  /// A map of texts; empty if absent.
  std::map<std::string, std::string> text_map(const char* member) const;

  [[noreturn]] void fail(const std::string& problem) const;
  const YAML::Node& node() const { return node_; }
  const std::string& field() const { return field_; }

 private:
  YAML::Node node_;
  std::string field_;
  int line_;
};

}  // namespace portcullis::lab
