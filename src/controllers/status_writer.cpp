#include "controllers/status_writer.hpp"

#include "api/status_hash.hpp"

namespace portcullis::controllers {
namespace {

Task<Result<Done>> patch_finalizers(kube::Client& client, kube::Resource resource, model::Meta meta,
                                    nlohmann::json patch) {
  const auto written = co_await client.json_patch(resource, {meta.ns, meta.name}, patch);
  if (!written && written.error().kind != Error::Kind::not_found) co_return fail(written.error());
  co_return Done{};
}

}  // namespace

Task<Result<bool>> write_status(World& world, kube::Client& client, kube::Resource resource,
                                model::Meta meta, model::SeenStatus seen, nlohmann::json status) {
  const std::uint64_t wanted = api::status_hash(status);
  // Noted before it is sent: the watch may be faster than the answer.
  auto& known = world.written_status[meta.uid];
  if (known.wanted != wanted) {
    // What the cache shows may be older than what was written last, which then is still to come.
    known = {.wanted = wanted, .forgone = wanted == seen.hash ? known.wanted : 0};
  }
  const auto patch = api::status_patch(status, meta, seen);
  if (!patch) {
    // The cache shows it. What others write from now on differs from that.
    if (known.forgone == 0) world.written_status.erase(meta.uid);
    co_return false;
  }
  const auto written = co_await client.merge_patch(resource, {meta.ns, meta.name}, *patch,
                                                   {.subresource = "status"});
  if (written) co_return true;
  if (written.error().kind != Error::Kind::not_found) co_return fail(written.error());
  world.written_status.erase(meta.uid);
  co_return false;
}

Task<Result<Done>> add_finalizer(kube::Client& client, kube::Resource resource, model::Meta meta) {
  nlohmann::json patch = api::add_finalizer_patch(meta);
  co_return co_await patch_finalizers(client, std::move(resource), std::move(meta),
                                      std::move(patch));
}

Task<Result<Done>> remove_finalizer(kube::Client& client, kube::Resource resource,
                                    model::Meta meta) {
  nlohmann::json patch = api::remove_finalizer_patch(meta);
  co_return co_await patch_finalizers(client, std::move(resource), std::move(meta),
                                      std::move(patch));
}

}  // namespace portcullis::controllers
