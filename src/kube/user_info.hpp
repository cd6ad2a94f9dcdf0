#pragma once

#include <map>
#include <string>
#include <vector>

namespace portcullis::kube {

/// Who somebody is to the API server, as SelfSubjectReview says and SubjectAccessReview asks.
struct UserInfo {
  std::string username;
  std::string uid{};
  std::vector<std::string> groups{};
  std::map<std::string, std::vector<std::string>> extra{};

  bool operator==(const UserInfo&) const = default;
};

}  // namespace portcullis::kube
