#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/arm_client.hpp"
#include "cloud/azure_provider.hpp"
#include "cloud/long_running.hpp"
#include "cloud/machine_json.hpp"
#include "cloud/pauses.hpp"
#include "cloud/token_provider.hpp"
#include "model/resource_id.hpp"

namespace portcullis::cloud {

/// The provider behind `make_azure_provider`.
class Azure final : public AzureProvider {
 public:
  /// What was made beforehand, so that nothing can fail here.
  struct Parts {
    Clock& clock;
    net::Origin origin;
    std::unique_ptr<net::Transport> arm_transport;
    std::unique_ptr<net::Transport> identity_transport;
    std::unique_ptr<Pauses> pauses;
    std::unique_ptr<Credential> credential;
  };

  Azure(Parts parts, AzureOptions options);

  Task<Result<Done>> check() override;
  Task<Result<model::VirtualMachine>> read_machine(std::string id, Work work) override;
  Task<Result<model::SecurityGroup>> read_group(std::string id, Work work) override;
  Task<Result<std::vector<ListedGroup>>> list_groups(
      std::vector<std::string> resource_groups) override;
  Task<Result<model::Inventory>> take_inventory() override;
  Task<Result<Done>> put_rule(std::string group, model::SecurityRule rule, Work work) override;
  Task<Result<Done>> remove_rule(std::string group, std::string name, Work work) override;
  void hurry(const std::string& group) override;
  Duration budget_opens_in(Work work, bool is_write) const override {
    return arm_.budget_opens_in(work, is_write);
  }
  Task<Result<std::vector<ManagementLock>>> list_locks() override;
  Task<Result<std::vector<Permission>>> list_permissions(std::string resource_group) override;
  void close() override;

 private:
  using SubnetGroups = std::map<std::string, std::optional<std::string>>;

  Result<model::ResourceId> resource(std::string_view id, std::string_view type,
                                     std::string_view child_type = "") const;
  std::string target(const model::ResourceId& id, std::string_view child = "") const;
  std::string version_of(std::string_view provider) const;
  Result<std::string> list_target(std::string_view resource_group, std::string_view type) const;

  Task<Result<InterfaceDocument>> read_interface(std::string id, std::string machine_id, Work work);
  Task<Result<std::vector<InterfaceDocument>>> read_interfaces(std::vector<std::string> ids,
                                                               std::string machine_id, Work work);
  Result<Done> check_group(const std::optional<std::string>& id) const;
  Task<Result<std::optional<std::string>>> read_subnet(std::string id, Work work);
  Task<Result<SubnetGroups>> read_subnets(std::vector<std::string> ids, Work work);
  Task<Result<std::string>> read_public(std::string id, Work work);
  Task<void> add_public_addresses(std::vector<std::string> ids, model::VirtualMachine& machine,
                                  Work work);
  template <typename Item>
  using ItemReader = Result<Item> (*)(json::Element item);
  template <typename Item>
  Task<Result<std::vector<Item>>> list(std::vector<std::string> resource_groups, std::string type,
                                       ItemReader<Item> read_item);
  template <typename Item>
  Task<Result<std::vector<Item>>> list_pages(std::string resource_group, std::string type,
                                             ItemReader<Item> read_item, std::size_t* skipped);
  template <typename Item>
  Task<Result<Done>> list_all(std::string type, ItemReader<Item> read_item, std::vector<Item>& into,
                              std::size_t& skipped);
  Task<Result<Done>> write(net::Request request, Work work, std::string group);
  Task<Result<Done>> judge_missing(std::string group, std::string name, Work work, Error missing);

  Parts parts_;
  AzureOptions options_;
  Budgets own_budgets_;  ///< used if nobody shares his with us
  TokenProvider tokens_;
  ArmClient arm_;
  bool may_read_public_addresses_;
};

}  // namespace portcullis::cloud
