#include "controllers/account_clocks.hpp"

namespace portcullis::controllers {

const plan::ClockView& AccountClocks::look(const model::CloudAccount& account) {
  plan::ClockView& view = views_[account.meta.name];
  if (read) view = plan::judge_clocks(read(account), view);
  return view;
}

const plan::ClockView& AccountClocks::last_of(const model::CloudAccount& account) const {
  static const plan::ClockView none;
  const auto known = views_.find(account.meta.name);
  return known == views_.end() ? none : known->second;
}

}  // namespace portcullis::controllers
