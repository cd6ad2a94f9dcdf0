#include "plan/rule_codec.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "model/resource_id.hpp"
#include "plan/stable_hash.hpp"

namespace portcullis::plan {
namespace {

constexpr std::string_view name_prefix = "portcullis-";
constexpr std::string_view format_word = "portcullis/v1";
constexpr std::size_t instance_length = 8;
constexpr std::size_t hash_length = 20;
constexpr std::size_t owner_length = 16;
constexpr std::size_t longest_description = 140;
constexpr std::array<RuleKind, 4> kinds = {RuleKind::lock, RuleKind::keep, RuleKind::open,
                                           RuleKind::shut};

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_word(std::string_view text, std::size_t length) {
  return text.size() == length && std::ranges::all_of(text, is_lower_or_digit);
}

std::optional<RuleKind> kind_of(std::string_view text) {
  for (const RuleKind kind : kinds) {
    if (text == to_string(kind)) return kind;
  }
  return std::nullopt;
}

bool carries_owner(RuleKind kind) { return kind == RuleKind::lock || kind == RuleKind::keep; }

/// The kind in "<kind>-<hash20>".
std::optional<RuleKind> read_name_tail(std::string_view tail) {
  const auto dash = tail.find('-');
  if (dash == std::string_view::npos || !is_word(tail.substr(dash + 1), hash_length)) {
    return std::nullopt;
  }
  return kind_of(tail.substr(0, dash));
}

/// Splits at single spaces; a double, leading or trailing one gives an empty word.
std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const auto space = text.find(' ');
    words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) return words;
    text.remove_prefix(space + 1);
  }
}

/// "key=value" of printable ASCII.
bool is_pair(std::string_view word) {
  const auto equals = word.find('=');
  return equals != std::string_view::npos && equals > 0 && equals + 1 < word.size() &&
         std::ranges::all_of(word.substr(0, equals), is_lower_or_digit) &&
         std::ranges::all_of(word, [](char c) { return c > ' ' && c <= '~'; });
}

/// The only form that `describe` writes; a date in another one was not written by us.
std::optional<TimePoint> read_until(std::string_view text) {
  const auto until = parse_rfc3339(text);
  if (!until || format_rfc3339(*until) != text) return std::nullopt;
  return until;
}

using Reading = std::variant<OwnMark, UnreadableMark>;

Reading read_description(std::string_view description) {
  if (description.size() > longest_description) return UnreadableMark{"description too long"};
  const auto words = split_words(description);
  if (words[0] != format_word) return UnreadableMark{"description is not of the known format"};
  const auto kind = words.size() < 2 ? std::nullopt : kind_of(words[1]);
  if (!kind) return UnreadableMark{"description names no known kind of rule"};

  OwnMark mark{.kind = *kind};
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (!is_pair(words[i])) return UnreadableMark{"description holds text that is not ours"};
    const auto equals = words[i].find('=');
    const std::string_view key = words[i].substr(0, equals);
    const std::string_view value = words[i].substr(equals + 1);
    if (key == "until" && !carries_owner(*kind)) {
      const auto until = read_until(value);
      if (!until || mark.until) return UnreadableMark{"description has no readable end"};
      mark.until = until;
    } else if (key == "owner" && carries_owner(*kind)) {
      if (!is_word(value, owner_length) || !mark.owner.empty()) {
        return UnreadableMark{"description has no readable owner"};
      }
      mark.owner = value;
    }
  }
  if (carries_owner(*kind) ? mark.owner.empty() : !mark.until) {
    return UnreadableMark{carries_owner(*kind) ? "description names no owner"
                                               : "description names no end"};
  }
  return mark;
}

/// Addresses of documentation: nobody has them.
model::Endpoint nobody(model::Family family) {
  const char* text = family == model::Family::ipv4 ? "192.0.2.1/32" : "2001:db8::1/128";
  return model::Endpoint{.prefixes = {*model::parse_prefix(text)}};
}

}  // namespace

const char* to_string(RuleKind kind) {
  switch (kind) {
    case RuleKind::lock:
      return "lock";
    case RuleKind::keep:
      return "keep";
    case RuleKind::open:
      return "open";
    case RuleKind::shut:
      return "shut";
  }
  return "?";
}

bool is_instance(std::string_view text) { return is_word(text, instance_length); }

std::optional<std::string> instance_of(std::string_view name) {
  const std::string lower = model::ascii_lower(name);
  std::string_view rest = lower;
  if (!rest.starts_with(name_prefix)) return std::nullopt;
  rest.remove_prefix(name_prefix.size());
  const std::string_view whose = rest.substr(0, instance_length);
  if (!is_instance(whose) || rest.substr(whose.size()).substr(0, 1) != "-") return std::nullopt;
  return std::string(whose);
}

Mark read_mark(std::string_view name, std::string_view description, std::string_view instance) {
  const auto whose = instance_of(name);
  if (!whose) return ForeignMark{};
  const std::string tail =
      model::ascii_lower(name.substr(name_prefix.size() + instance_length + 1));
  const auto kind = read_name_tail(tail);

  Reading reading = read_description(description);
  if (const auto* mark = std::get_if<OwnMark>(&reading); mark && kind && mark->kind != *kind) {
    reading = UnreadableMark{"name and description name different kinds"};
  }
  const auto* mark = std::get_if<OwnMark>(&reading);
  if (*whose != instance) {
    if (!kind) return ForeignMark{};
    return ForeignMark{.instance = *whose,
                       .kind = mark ? kind : std::nullopt,
                       .until = mark ? mark->until : std::nullopt};
  }
  if (!kind) return UnreadableMark{"the name is ours up to the instance, but not behind it"};
  if (mark) return *mark;
  return std::get<UnreadableMark>(reading);
}

Mark read_mark(const model::SecurityRule& rule, std::string_view instance) {
  return read_mark(rule.name, rule.description, instance);
}

std::string rule_name(std::string_view instance, RuleKind kind, std::string_view identity) {
  std::string name(name_prefix);
  name += instance;
  name += '-';
  name += to_string(kind);
  name += '-';
  return name + stable_name(identity, hash_length);
}

std::string describe(const OwnMark& mark) {
  std::string text(format_word);
  text += ' ';
  text += to_string(mark.kind);
  if (!mark.owner.empty()) text += " owner=" + mark.owner;
  if (mark.until) text += " until=" + format_rfc3339(*mark.until);
  return text;
}

std::string owner_of(std::string_view account, std::string_view name_space,
                     std::string_view policy) {
  // None of the three names can hold a slash.
  std::string identity = "owner/";
  identity += account;
  identity += '/';
  identity += name_space;
  identity += '/';
  identity += policy;
  return stable_name(identity, owner_length);
}

model::SecurityRule make_inert(model::SecurityRule rule) {
  rule.access = model::Access::deny;
  rule.direction = model::Direction::inbound;
  rule.unsettled.clear();
  const auto& destinations = rule.destination.prefixes;
  // One rule is of one address family.
  rule.source = nobody(destinations.empty() ? model::Family::ipv4 : destinations.front().family);
  return rule;
}

bool is_inert(const model::SecurityRule& rule) {
  return rule.readable && rule.access == model::Access::deny &&
         rule.direction == model::Direction::inbound &&
         (rule.source == nobody(model::Family::ipv4) || rule.source == nobody(model::Family::ipv6));
}

}  // namespace portcullis::plan
