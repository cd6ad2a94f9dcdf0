"""Microsoft's own SDK, unchanged, works with the lab: whoever trusts the SDK can trust what the lab answers."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.identity import ClientAssertionCredential, ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.network.models import NetworkSecurityGroup, SecurityRule
from world.assets import REPOSITORY
from world.lab import Lab

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
TENANT = "22222222-2222-4222-8222-222222222222"
SCOPE = "https://management.azure.com/.default"


@pytest.fixture(autouse=True)
def operator_log_from_here() -> None:
    """These tests need no operator and no control plane: takes the place of the folder's fixture."""


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    with Lab(REPOSITORY / "docs/lab.yaml", flags=("--operation-time=100ms",)) as lab:
        yield lab


@pytest.fixture
def lab(own_lab: Lab) -> Iterator[Lab]:
    own_lab.forget_requests()
    own_lab.faults([])
    yield own_lab
    own_lab.faults([])


def secret_credential(lab: Lab, tenant: str = TENANT) -> ClientSecretCredential:
    return ClientSecretCredential(
        tenant,
        "33333333-3333-4333-8333-333333333333",
        "any secret",
        authority=lab.login,
        disable_instance_discovery=True,
        connection_verify=str(lab.ca),
    )


@pytest.fixture
def network(lab: Lab) -> Iterator[NetworkManagementClient]:
    with NetworkManagementClient(
        secret_credential(lab),
        SUBSCRIPTION,
        base_url=lab.arm,
        credential_scopes=[SCOPE],
        connection_verify=str(lab.ca),
    ) as client:
        yield client


@pytest.fixture
def compute(lab: Lab) -> Iterator[ComputeManagementClient]:
    with ComputeManagementClient(
        secret_credential(lab),
        SUBSCRIPTION,
        base_url=lab.arm,
        credential_scopes=[SCOPE],
        connection_verify=str(lab.ca),
    ) as client:
        yield client


def ssh_rule(priority: int, **more: object) -> SecurityRule:
    fields: dict[str, object] = {
        "protocol": "Tcp",
        "access": "Allow",
        "direction": "Inbound",
        "priority": priority,
        "source_port_range": "*",
        "source_address_prefix": "203.0.113.7/32",
        "destination_address_prefix": "10.0.0.4",
        "destination_port_range": "22",
    }
    return SecurityRule(**(fields | more))


def test_a_machine_is_followed_to_its_interfaces_addresses_and_groups(
    compute: ComputeManagementClient, network: NetworkManagementClient
) -> None:
    machine = compute.virtual_machines.get("web", "web-1", expand="instanceView")
    assert machine.tags == {"tier": "web"}
    assert "PowerState/running" in [status.code for status in machine.instance_view.statuses]
    nic_id = machine.network_profile.network_interfaces[0].id
    nic = network.network_interfaces.get(nic_id.split("/")[4], nic_id.split("/")[-1])
    assert [c.private_ip_address for c in nic.ip_configurations] == ["10.0.0.4", "fd00:0:0:1::4"]
    _, _, _, _, group, _, _, _, vnet, _, subnet_name = nic.ip_configurations[0].subnet.id.split("/")
    subnet = network.subnets.get(group, vnet, subnet_name)
    assert subnet.network_security_group.id.endswith("/networkSecurityGroups/nsg-web")
    public = network.public_ip_addresses.get("web", nic.ip_configurations[0].public_ip_address.id.split("/")[-1])
    assert public.ip_address == "20.50.0.4"


def test_machines_are_listed_by_group_and_by_subscription(compute: ComputeManagementClient) -> None:
    everywhere = {machine.name for machine in compute.virtual_machines.list_all()}
    assert everywhere == {"web-1", "web-2", "db-1", "bare-1"}
    assert {machine.name for machine in compute.virtual_machines.list("web")} == everywhere


def test_lists_go_on_over_pages(lab: Lab, network: NetworkManagementClient) -> None:
    lab.settings(pageSize=1)
    try:
        names = [nic.name for nic in network.network_interfaces.list_all()]
        groups = [group.name for group in network.network_security_groups.list_all()]
    finally:
        lab.settings(pageSize=100)
    assert names == ["web-1-nic", "web-2-nic", "db-1-nic", "bare-1-nic"]
    assert groups == ["nsg-web", "nsg-db"]
    assert sum("skiptoken" in request["target"] for request in lab.requests("GET")) == 4


def test_a_rule_is_made_changed_and_deleted_by_the_pollers(lab: Lab, network: NetworkManagementClient) -> None:
    rules = network.security_rules
    poller = rules.begin_create_or_update("net", "nsg-web", "jit", ssh_rule(200, description="by the SDK"))
    # resource() is what the poller's thread saw last, which may be the operation already.
    first = poller.polling_method()._initial_response.http_response.json()
    assert first["properties"]["provisioningState"] == "Updating"
    made = poller.result()
    assert (made.provisioning_state, made.priority, made.protocol) == ("Succeeded", 200, "Tcp")
    assert made.source_address_prefixes == []
    assert lab.connect("203.0.113.7", "web-1", 22)["rule"] == "nsg-web/jit"

    changed = rules.begin_create_or_update(
        "net",
        "nsg-web",
        "jit",
        ssh_rule(201, source_address_prefix=None, source_address_prefixes=["203.0.113.7", "203.0.113.9"]),
    ).result()
    assert changed.priority == 201
    assert changed.source_address_prefix is None
    assert changed.source_address_prefixes == ["203.0.113.7", "203.0.113.9"]
    assert "jit" in [rule.name for rule in rules.list("net", "nsg-web")]

    assert rules.begin_delete("net", "nsg-web", "jit").result() is None
    with pytest.raises(ResourceNotFoundError) as missing:
        rules.get("net", "nsg-web", "jit")
    assert missing.value.error.code == "NotFound"
    rules.begin_delete("net", "nsg-web", "jit").result()  # one that is gone: 204, no error
    polls = [request for request in lab.requests("GET") if "/operations/" in request["path"]]
    assert polls and all(request["status"] == 200 for request in polls)


def test_a_whole_group_is_made_and_deleted(network: NetworkManagementClient) -> None:
    groups = network.network_security_groups
    made = groups.begin_create_or_update(
        "net", "nsg-sdk", NetworkSecurityGroup(location="westeurope", security_rules=[ssh_rule(300, name="only")])
    ).result()
    assert [rule.name for rule in made.security_rules] == ["only"]
    assert len(made.default_security_rules) == 6
    groups.begin_delete("net", "nsg-sdk").result()
    with pytest.raises(ResourceNotFoundError) as missing:
        groups.get("net", "nsg-sdk")
    assert missing.value.error.code == "ResourceNotFound"


def test_errors_arrive_with_their_codes(lab: Lab, network: NetworkManagementClient) -> None:
    rules = network.security_rules

    def code_of_put(rule: SecurityRule, group: str = "nsg-web") -> tuple[int, str]:
        with pytest.raises(HttpResponseError) as refused:
            rules.begin_create_or_update("net", group, "jit", rule, retry_total=0)
        return refused.value.status_code, refused.value.error.code

    assert code_of_put(ssh_rule(400)) == (400, "SecurityRuleConflict")
    assert code_of_put(ssh_rule(99)) == (400, "SecurityRuleInvalidPriority")
    assert code_of_put(ssh_rule(200, source_address_prefix="203.0.113.7/24")) == (
        400,
        "SecurityRuleInvalidAddressPrefix",
    )
    assert code_of_put(ssh_rule(200), group="none") == (404, "ParentResourceNotFound")
    lab.faults([{"match": {"method": "PUT"}, "action": {"kind": "throttle", "retryAfter": 1}}])
    assert code_of_put(ssh_rule(200)) == (429, "TooManyRequests")


def test_a_throttled_write_is_sent_again_after_the_time_it_was_told(
    lab: Lab, network: NetworkManagementClient
) -> None:
    lab.faults([{"match": {"method": "PUT"}, "action": {"kind": "throttle", "retryAfter": 1}}])
    network.security_rules.begin_create_or_update("net", "nsg-web", "jit", ssh_rule(200)).result()
    assert [request["status"] for request in lab.requests("PUT")] == [429, 201]
    network.security_rules.begin_delete("net", "nsg-web", "jit").result()


def test_a_failed_operation_is_an_error_of_the_poller(lab: Lab, network: NetworkManagementClient) -> None:
    lab.faults([{"match": {"method": "PUT"}, "action": {"kind": "failOperation"}}])
    poller = network.security_rules.begin_create_or_update("net", "nsg-web", "jit", ssh_rule(200))
    with pytest.raises(HttpResponseError) as failed:
        poller.result()
    assert failed.value.error.code == "InternalServerError"
    assert "jit" not in lab.rules("net", "nsg-web")


def test_an_etag_of_yesterday_is_refused(network: NetworkManagementClient) -> None:
    with pytest.raises(HttpResponseError) as refused:
        network.security_rules.begin_create_or_update(
            "net", "nsg-web", "jit", ssh_rule(200), headers={"If-Match": 'W/"yesterday"'}
        )
    assert refused.value.status_code == 412


def test_tokens_by_federated_assertion_work_and_foreign_tenants_do_not(lab: Lab) -> None:
    credential = ClientAssertionCredential(
        TENANT,
        "33333333-3333-4333-8333-333333333333",
        lambda: "a service account's token",
        authority=lab.login,
        disable_instance_discovery=True,
        connection_verify=str(lab.ca),
    )
    assert credential.get_token(SCOPE).token.count(".") == 2
    stranger = secret_credential(lab, tenant="99999999-9999-4999-8999-999999999999")
    with pytest.raises((ClientAuthenticationError, ValueError)):
        stranger.get_token(SCOPE)


def test_a_token_for_another_audience_is_refused(lab: Lab) -> None:
    with NetworkManagementClient(
        secret_credential(lab),
        SUBSCRIPTION,
        base_url=lab.arm,
        credential_scopes=["https://graph.microsoft.com/.default"],
        connection_verify=str(lab.ca),
    ) as client:
        with pytest.raises(ClientAuthenticationError) as refused:
            client.network_security_groups.get("net", "nsg-web")
    assert refused.value.error.code == "InvalidAuthenticationTokenAudience"
