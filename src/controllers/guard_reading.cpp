#include "controllers/guard_reading.hpp"

#include "api/decode.hpp"
#include "kube/listing.hpp"

namespace portcullis::controllers {

GuardBook::Look GuardReading::look() const {
  return [this](const GuardName& name) {
    const auto found = seen.find(name);
    return found == seen.end() ? nullptr : &found->second;
  };
}

Task<Result<GuardReading>> read_guards(kube::Client& client, const GuardBook& book) {
  GuardReading reading{.mutating = true};
  for (const GuardKind kind : guard_kinds) {
    const auto take = [&book, &reading, kind](simdjson::dom::element object) {
      SeenGuard guard = book.read(kind, object);
      if (guard.ours) reading.seen[{kind, api::key_of(object)}] = std::move(guard);
    };
    const auto read = co_await kube::list_objects(client, resource_of(kind), take);
    if (read) continue;
    if (is_mutating(kind) && read.error().kind == Error::Kind::not_found) {
      reading.mutating = false;
      continue;
    }
    Error error = read.error();
    error.message = resource_of(kind).plural + ": " + error.message;
    co_return fail(std::move(error));
  }
  co_return reading;
}

}  // namespace portcullis::controllers
