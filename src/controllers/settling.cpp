#include "controllers/settling.hpp"

#include <algorithm>

#include "model/resource_id.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {
namespace {

constexpr Duration first_look = std::chrono::seconds(2);
constexpr Duration last_look = std::chrono::seconds(60);

template <typename Fits>
const model::SecurityRule* find_unsettled(const GroupView& view, Fits fits) {
  if (!view.group) return nullptr;
  for (const auto& rule : view.group->rules) {
    if (rule.settled()) continue;
    const bool wanted = std::ranges::any_of(view.plan.wanted, [&](const auto& entry) {
      return model::ascii_lower(entry.rule.name) == model::ascii_lower(rule.name) && fits(entry);
    });
    if (wanted) return &rule;
  }
  return nullptr;
}

}  // namespace

void note_settling(const World& world, GroupView& view) {
  const auto is_unsettled = [&](const model::SecurityRule& rule) {
    return !rule.settled() &&
           !std::holds_alternative<plan::ForeignMark>(plan::read_mark(rule, world.instance));
  };
  const bool settled = !view.group || (!view.group->under_way() &&
                                       std::ranges::none_of(view.group->rules, is_unsettled));
  view.unsettled_readings = settled ? 0 : view.unsettled_readings + 1;
}

std::optional<TimePoint> settling_look(const GroupView& view) {
  if (view.unsettled_readings == 0) return std::nullopt;
  return view.read_at +
         std::min<Duration>(last_look,
                            first_look * (1 << std::min(view.unsettled_readings - 1, 5)));
}

const model::SecurityRule* find_unsettled_of_owner(const GroupView& view,
                                                   const std::string& owner) {
  return find_unsettled(view,
                        [&](const plan::WantedRule& wanted) { return wanted.mark.owner == owner; });
}

const model::SecurityRule* find_unsettled_of_grant(const GroupView& view, const std::string& uid) {
  return find_unsettled(view, [&](const plan::WantedRule& wanted) {
    return std::ranges::find(wanted.grants, uid) != wanted.grants.end();
  });
}

std::string unsettled_words(const GroupView& view, const model::SecurityRule& rule) {
  return "rule \"" + rule.name + "\" in NSG \"" + model::short_name(view.id) + "\" is " +
         rule.unsettled + ", so it may not be in force";
}

}  // namespace portcullis::controllers
