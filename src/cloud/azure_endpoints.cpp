#include "cloud/azure_endpoints.hpp"

namespace portcullis::cloud {
namespace {

AzureEndpoints endpoints(std::string arm, std::string login) {
  AzureEndpoints out;
  out.audience = arm;
  out.arm = std::move(arm);
  out.login = std::move(login);
  out.imds = "http://169.254.169.254";
  return out;
}

}  // namespace

std::optional<AzureEndpoints> azure_endpoints(std::string_view environment) {
  if (environment == "AzurePublic") {
    return endpoints("https://management.azure.com", "https://login.microsoftonline.com");
  }
  if (environment == "AzureGovernment") {
    return endpoints("https://management.usgovcloudapi.net", "https://login.microsoftonline.us");
  }
  if (environment == "AzureChina") {
    return endpoints("https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn");
  }
  return std::nullopt;
}

}  // namespace portcullis::cloud
