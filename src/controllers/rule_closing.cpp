#include "controllers/rule_closing.hpp"

#include "base/log.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

Task<Result<Done>> close_rule(cloud::Provider* provider, std::string group,
                              model::SecurityRule rule, cloud::Work work) {
  auto removed = co_await provider->remove_rule(group, rule.name, work);
  if (removed || rule.access != model::Access::allow || plan::is_inert(rule)) co_return removed;
  const Error::Kind why = removed.error().kind;
  if (why != Error::Kind::locked && why != Error::Kind::forbidden) co_return removed;
  log::warning("delete refused, making the rule inert",
               {{"group", group}, {"rule", rule.name}, {"error", removed.error().message}});
  co_return co_await provider->put_rule(std::move(group), plan::make_inert(std::move(rule)), work);
}

}  // namespace portcullis::controllers
