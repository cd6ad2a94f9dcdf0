#pragma once

#include <nlohmann/json.hpp>

#include "api/reader.hpp"
#include "base/result.hpp"
#include "model/object.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"

/// What several kinds have. As all that reads a field: `BadField` if it is not understood.
namespace portcullis::api {

model::Meta read_meta(const Reader& object);

/// A field that is not understood is left out: whatever stands in a status must not keep the object
/// out. It is a cache that gets repaired.
model::SeenStatus read_status(const Reader& object);

/// Fields `port` and `endPort`.
model::PortRange read_range(const Reader& object);
model::Protocol read_protocol(const Reader& object, std::string_view fallback);

/// The list `ports` of a request or a verdict.
std::vector<model::PortSelection> read_selections(const Reader& spec);

model::Identity read_identity(const Reader& object);

/// Runs a reader of a whole object; what it throws becomes `malformed`.
template <typename Decode>
auto guarded(simdjson::dom::element object, Decode decode)
    -> Result<decltype(decode(std::declval<Reader>()))> {
  try {
    return decode(Reader(object, ""));
  } catch (const BadField& bad) {
    return fail(Error::Kind::malformed, bad.what());
  } catch (const nlohmann::json::exception& bad) {
    return fail(Error::Kind::malformed, std::string("status: ") + bad.what());
  }
}

}  // namespace portcullis::api
