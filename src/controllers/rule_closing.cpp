#include "controllers/rule_closing.hpp"

#include "base/log.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

Task<Result<Done>> close_rule(cloud::Provider* provider, std::string group,
                              model::SecurityRule rule, std::function<bool()> may_go_on) {
  auto removed = co_await provider->remove_rule(group, rule.name);
  if (removed || rule.access != model::Access::allow || plan::is_inert(rule)) co_return removed;
  const Error::Kind why = removed.error().kind;
  if (why != Error::Kind::locked && why != Error::Kind::forbidden) co_return removed;
  if (!may_go_on()) co_return fail(Error::Kind::cancelled, "the lease is not ours");
  log::warning("delete refused, making the rule inert",
               {{"group", group}, {"rule", rule.name}, {"error", removed.error().message}});
  co_return co_await provider->put_rule(std::move(group), plan::make_inert(std::move(rule)));
}

}  // namespace portcullis::controllers
