#pragma once

#include "api/encode.hpp"
#include "kube/client.hpp"

namespace portcullis::controllers {

/// Our kinds, as the API server's URLs name them.
inline const kube::Resource accounts{api::group, api::version, "cloudaccounts", "CloudAccount",
                                     false};
inline const kube::Resource policies{api::group, api::version, "jitpolicies", "JitPolicy"};
inline const kube::Resource requests{api::group, api::version, "accessrequests", "AccessRequest"};
inline const kube::Resource decisions{api::group, api::version, "accessdecisions",
                                      "AccessDecision"};
inline const kube::Resource verdicts{api::group, api::version, "accessverdicts", "AccessVerdict"};

}  // namespace portcullis::controllers
