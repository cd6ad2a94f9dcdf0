#include "controllers/rule_closing.hpp"

#include "base/log.hpp"
#include "plan/rule_codec.hpp"

namespace portcullis::controllers {

Task<Result<Closing>> close_rule(cloud::Provider* provider, std::string group,
                                 model::SecurityRule rule, std::function<bool()> may_go_on,
                                 bool denies, cloud::Work work) {
  auto removed = co_await provider->remove_rule(group, rule.name, work);
  if (removed) co_return Closing{};
  const bool over = plan::is_inert(rule) && rule.settled();
  const bool harmless = !denies && rule.access != model::Access::allow && rule.settled();
  if (over || harmless) co_return fail(removed.error());
  const Error::Kind why = removed.error().kind;
  if (why != Error::Kind::locked && why != Error::Kind::forbidden) co_return fail(removed.error());
  if (!may_go_on()) co_return fail(Error::Kind::cancelled, "the lease is not ours");
  log::warning("delete refused, making the rule inert",
               {{"group", group}, {"rule", rule.name}, {"error", removed.error().message}});
  auto written =
      co_await provider->put_rule(std::move(group), plan::make_inert(std::move(rule)), work);
  if (!written) co_return fail(written.error());
  co_return Closing{.left_inert = std::move(removed.error())};
}

}  // namespace portcullis::controllers
