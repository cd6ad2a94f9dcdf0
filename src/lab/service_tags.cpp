#include "lab/service_tags.hpp"

#include <algorithm>
#include <array>

#include "lab/names.hpp"

namespace portcullis::lab {
namespace {

constexpr std::array known = {"VirtualNetwork",
                              "AzureLoadBalancer",
                              "Internet",
                              "AzureCloud",
                              "ActionGroup",
                              "ApiManagement",
                              "AppConfiguration",
                              "AppService",
                              "AppServiceManagement",
                              "AzureActiveDirectory",
                              "AzureActiveDirectoryDomainServices",
                              "AzureAdvancedThreatProtection",
                              "AzureArcInfrastructure",
                              "AzureAttestation",
                              "AzureBackup",
                              "AzureBotService",
                              "AzureCognitiveSearch",
                              "AzureConnectors",
                              "AzureContainerRegistry",
                              "AzureCosmosDB",
                              "AzureDatabricks",
                              "AzureDataExplorerManagement",
                              "AzureDevOps",
                              "AzureDigitalTwins",
                              "AzureEventGrid",
                              "AzureFrontDoor.Backend",
                              "AzureFrontDoor.FirstParty",
                              "AzureFrontDoor.Frontend",
                              "AzureInformationProtection",
                              "AzureIoTHub",
                              "AzureKeyVault",
                              "AzureMachineLearning",
                              "AzureMonitor",
                              "AzurePlatformDNS",
                              "AzurePlatformIMDS",
                              "AzurePlatformLKM",
                              "AzureResourceManager",
                              "AzureSecurityCenter",
                              "AzureSignalR",
                              "AzureSiteRecovery",
                              "AzureTrafficManager",
                              "AzureUpdateDelivery",
                              "BatchNodeManagement",
                              "CognitiveServicesManagement",
                              "DataFactory",
                              "DataFactoryManagement",
                              "EventHub",
                              "GatewayManager",
                              "GuestAndHybridManagement",
                              "HDInsight",
                              "LogicApps",
                              "LogicAppsManagement",
                              "MicrosoftCloudAppSecurity",
                              "MicrosoftContainerRegistry",
                              "MicrosoftDefenderForEndpoint",
                              "OneDsCollector",
                              "PowerBI",
                              "SerialConsole",
                              "ServiceBus",
                              "ServiceFabric",
                              "Sql",
                              "SqlManagement",
                              "Storage",
                              "StorageSyncService",
                              "WindowsAdminCenter",
                              "WindowsVirtualDesktop"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_service_tag(std::string_view text) {
  const auto fits = [&](std::string_view tag) {
    if (same_name(text, tag)) return true;
    if (text.size() <= tag.size() + 1 || text[tag.size()] != '.') return false;
    return same_name(text.substr(0, tag.size()), tag) &&
           std::ranges::all_of(text.substr(tag.size() + 1), is_letter_or_digit);
  };
  return std::ranges::any_of(known, fits);
}

}  // namespace portcullis::lab
