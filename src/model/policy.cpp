#include "model/policy.hpp"

namespace portcullis::model {

Duration decision_timeout(const JitPolicy& policy) {
  if (policy.approval.timeout) return *policy.approval.timeout;
  return policy.approval.required > 0 ? Duration(std::chrono::hours(1))
                                      : Duration(std::chrono::minutes(15));
}

}  // namespace portcullis::model
