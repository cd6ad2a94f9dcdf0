#pragma once

#include <simdjson.h>

#include "base/result.hpp"
#include "model/account.hpp"
#include "model/policy.hpp"
#include "model/request.hpp"

namespace portcullis::api {

/// Kubernetes objects as the API server prints them -> what the operator keeps. The CRDs' schemas
/// and rules have been checked by the server, but they may be older or newer than this program: a
/// value that is not understood is `malformed` with the field's path, never guessed.
Result<model::CloudAccount> decode_account(simdjson::dom::element object);
Result<model::JitPolicy> decode_policy(simdjson::dom::element object);
Result<model::AccessRequest> decode_request(simdjson::dom::element object);
Result<model::AccessVerdict> decode_verdict(simdjson::dom::element object);
Result<model::AccessDecision> decode_decision(simdjson::dom::element object);

/// "namespace/name", or "name".
std::string key_of(simdjson::dom::element object);

/// The same from text, for answers to single calls.
Result<model::AccessVerdict> parse_verdict(const std::string& json);
Result<model::AccessRequest> parse_request(const std::string& json);

}  // namespace portcullis::api
