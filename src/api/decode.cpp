#include "api/decode.hpp"

namespace portcullis::api {
namespace {

template <typename Decode>
auto parse(const std::string& json, Decode decode) -> decltype(decode(simdjson::dom::element())) {
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  if (parser.parse(json).get(object) != simdjson::SUCCESS) {
    return fail(Error::Kind::malformed, "the answer is no JSON");
  }
  return decode(object);
}

}  // namespace

std::string key_of(simdjson::dom::element object) {
  std::string_view ns;
  std::string_view name;
  if (object["metadata"]["namespace"].get(ns) != simdjson::SUCCESS) ns = {};
  if (object["metadata"]["name"].get(name) != simdjson::SUCCESS) name = {};
  return ns.empty() ? std::string(name) : std::string(ns) + "/" + std::string(name);
}

Result<model::AccessVerdict> parse_verdict(const std::string& json) {
  return parse(json, decode_verdict);
}

Result<model::AccessRequest> parse_request(const std::string& json) {
  return parse(json, decode_request);
}

}  // namespace portcullis::api
