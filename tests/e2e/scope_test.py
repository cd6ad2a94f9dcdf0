"""Whose a machine is: policies, namespaces, resource groups and accounts that claim the same, and scope that shrinks."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from team import Object, Team, parse_time
from world.names import fresh_namespace_name
from world.process import wait_for
from world.world import World

ACCOUNT = Path(__file__).parent / "account.yaml"


def account_like_prod(name: str = "prod", **spec: Any) -> str:
    """The manifest of an account that has all of prod's but what is given."""
    manifest = yaml.safe_load(ACCOUNT.read_text())
    manifest["metadata"]["name"] = name
    manifest["spec"] |= spec
    return json.dumps(manifest)


def be_younger_than(other: Object) -> None:
    """Creation times have whole seconds; of one second neither is older."""
    created = parse_time(other.get()["metadata"]["creationTimestamp"])
    wait_for(lambda: time.time() >= created + 1.1, 5, "the next second", interval=0.1)


def account(world: World, name: str = "prod") -> Object:
    return Object(world, "", "cloudaccounts", name)


@pytest.fixture
def others(world: World, team: Team) -> Iterator[Team]:
    """A second team, in a namespace of its own."""
    others = Team(world, world.cluster.namespace(fresh_namespace_name("others")))
    yield others
    others.leave()


@pytest.fixture
def prod(world: World, team: Team) -> Iterator[Object]:
    """The account, for a test that changes it; afterwards it is as it was, before the team leaves."""
    yield account(world)
    world.cluster.apply(ACCOUNT)
    account(world).wait_condition("Ready", "True")


# --- policies and namespaces ------------------------------------------------------------------------------------


def test_of_two_policies_for_one_machine_and_port_the_older_decides(team: Team, others: Team) -> None:
    """A lax policy in another namespace cannot defeat a strict one: it locks, and grants nothing."""
    machine = team.machine()
    strict = team.policy(machine, approval={"required": 1})
    be_younger_than(strict)
    lax = others.policy(machine, wait=False)
    conflict = lax.wait_condition("Ready", "False", "Conflict")
    assert f'"{team.namespace}/ssh"' in conflict["message"], conflict
    request = others.request(machine)
    waiting = wait_for(lambda: request.condition("Ready").get("message"), 10, "a word on the request")
    assert request.state == "Pending" and f'"{team.namespace}/ssh"' in waiting, waiting
    assert not team.open_rules(machine)

    strict.delete()
    strict.wait_gone()
    lax.wait_condition("Ready", "True")
    assert not team.lab.connect("stranger", machine.name, 22)["allowed"]  # the younger one's lock stood all the time
    request.wait_state("Active")


def test_what_an_older_policy_claims_ends_the_younger_ones_grant(team: Team, others: Team) -> None:
    """The older one is widened to a machine that the younger one has opened: it decides from then on."""
    first, second = team.machine(), team.machine()
    older = team.policy(first)
    be_younger_than(older)
    others.policy(second)
    request = others.request(second)
    request.wait_state("Active")
    targets = [{"virtualMachine": {"resourceGroup": "web", "name": each.name}} for each in (first, second)]
    older.patch({"spec": {"targets": targets}})
    request.wait_state("Revoked")
    assert request.condition("Ready")["reason"] == "Conflict"
    assert not team.open_rules(second)


def test_one_name_in_two_resource_groups_is_two_machines(team: Team) -> None:
    one, other = team.machine(name="twin"), team.machine(name="twin", group="other")
    targets = [{"virtualMachine": {"resourceGroup": group, "name": "twin"}} for group in ("web", "other")]
    team.policy(targets=targets)
    unclear = team.request(one, name="unclear")
    unclear.wait_state("Denied")
    assert unclear.condition("Ready")["reason"] == "AmbiguousTarget"
    assert "other/twin" in unclear.status["message"] and "web/twin" in unclear.status["message"]

    clear = team.request(name="clear", targets=["other/twin"])
    clear.wait_state("Active")
    assert team.open_rules(other) and not team.open_rules(one)
    assert [each["resourceID"].split("/")[4] for each in team.verdict(clear)["spec"]["targets"]] == ["other"]


def test_namesakes_of_two_namespaces_have_nothing_to_do_with_each_other(team: Team, others: Team) -> None:
    """Policy and request are named alike in both; what ends in one leaves the other's alone."""
    mine, theirs = team.machine(), others.machine()
    team.policy(mine)
    others.policy(theirs)
    ours, foreign = team.request(mine), others.request(theirs)
    ours.wait_state("Active")
    foreign.wait_state("Active")
    rules = others.rules(theirs)
    ours.patch({"spec": {"revoke": True}}, user="alice")
    ours.wait_state("Revoked")
    team.leave()
    assert others.rules(theirs) == rules and foreign.state == "Active"


# --- accounts ---------------------------------------------------------------------------------------------------


def test_a_second_account_of_a_subscription_says_whose_it_is_and_does_nothing(team: Team, world: World) -> None:
    machine = team.machine()
    world.cluster.apply(account_like_prod("second"))
    second = account(world, "second")
    try:
        assert '"prod" is older' in second.wait_condition("Ready", "False", "Conflict")["message"]
        policy = team.policy(machine, wait=False, accountRef={"name": "second"})
        assert '"prod" is older' in policy.wait_condition("Ready", "False", "Conflict")["message"]
        request = team.request(machine)
        wait_for(lambda: request.condition("Ready").get("reason") == "PolicyNotReady", 10, "the request waits")
        assert not team.writes(machine)
        second.delete()
        in_use = second.wait_condition("Ready", "False", "InUse")
        assert f'JitPolicy "{team.namespace}/ssh"' in in_use["message"]
        policy.delete()
        policy.wait_gone()
        second.wait_gone()
    finally:
        second.delete()
    assert account(world).condition("Ready")["status"] == "True"


def test_an_nsg_outside_the_network_groups_is_named_and_never_written(team: Team) -> None:
    machine = team.machine(nsg_group="other")
    policy = team.policy(machine, wait=False)
    ready = policy.wait_condition("Ready", "False", "OutOfScope")
    assert machine.nsg in ready["message"] and "networkResourceGroups" in ready["message"]
    request = team.request(machine)
    wait_for(lambda: "networkResourceGroups" in request.status.get("message", ""), 20, "why it waits is said")
    assert request.state == "Pending"
    assert not team.writes(machine)


def test_a_machine_that_leaves_the_accounts_scope_is_closed_and_stays_locked(team: Team, prod: Object) -> None:
    inside, outside = team.machine(), team.machine(group="other")
    targets = [
        {"virtualMachine": {"resourceGroup": "web", "name": inside.name}},
        {"virtualMachine": {"resourceGroup": "other", "name": outside.name}},
    ]
    policy = team.policy(targets=targets, limits={"activePerRequester": 2})
    stays, goes = team.request(inside, name="stays"), team.request(outside, name="goes")
    stays.wait_state("Active")
    goes.wait_state("Active")

    prod.patch({"spec": {"access": [{"namespaces": ["*"], "resourceGroups": ["web"]}]}})
    goes.wait_state("Revoked")
    assert not team.open_rules(outside) and team.rules(outside, own=True), "closed, and the lock is still there"
    assert not team.lab.connect("stranger", outside.name, 22)["allowed"]
    assert stays.state == "Active" and len(team.open_rules(inside)) == 1
    assert outside.name in policy.wait_condition("Ready", "False")["message"]

    prod.patch({"spec": {"access": [{"namespaces": ["*"], "resourceGroups": ["web", "other"]}]}})
    policy.wait_condition("Ready", "True")
    assert goes.state == "Revoked" and not team.open_rules(outside), "what has ended never opens again"


def test_an_nsg_that_leaves_the_network_groups_is_closed_for_good(team: Team, world: World, prod: Object) -> None:
    """Out of its scope an account adds nothing any more, but it closes; what is locked there stays locked, although
    the operator starts anew and the policy gets another port, of which no lock can be written."""
    machine = team.machine()
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    locks = [rule for rule in team.rules(machine, own=True) if "-open-" not in rule["name"]]

    prod.patch({"spec": {"networkResourceGroups": ["elsewhere"]}})
    request.wait_state("Revoked")
    assert request.condition("Ready")["reason"] == "OutOfScope"
    assert team.rules(machine, own=True) == locks
    assert policy.condition("Locked")["status"] == "True"  # its locks stand, as is proven
    second = team.request(machine, name="second")
    second.wait_state("Denied")
    assert second.condition("Ready")["reason"] == "OutOfScope" and machine.nsg in second.status["message"]

    team.lab.forget_requests()
    world.operator.restart()
    ports = policy.get()["spec"]["ports"]
    policy.patch({"spec": {"ports": [*ports, ports[0] | {"port": 3389}]}})
    policy.wait_condition("Ready", "False", "OutOfScope", timeout=40)
    # Judged with the new port; what follows from that is planned when the NSG is looked at again.
    seen = len(team.requests(machine))
    policy.patch({"spec": {"limits": {"active": 5}}})
    wait_for(lambda: len(team.requests(machine)) > seen, 70, "the NSG read again")
    assert team.rules(machine, own=True) == locks and not team.writes(machine)


def test_a_namespace_that_lost_the_account_has_nothing_open(team: Team, prod: Object) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    prod.patch({"spec": {"access": [{"namespaces": ["somewhere-else"], "resourceGroups": ["web", "other"]}]}})
    request.wait_state("Revoked")
    assert request.condition("Ready")["reason"] == "NamespaceNotAllowed"
    assert not team.open_rules(machine)
    policy.wait_condition("Ready", "False", "NamespaceNotAllowed")
    assert not team.lab.connect("stranger", machine.name, 22)["allowed"], "locks stay"


def test_an_account_whose_credentials_are_gone_says_so_and_closes_when_they_are_back(team: Team, world: World) -> None:
    open_machine, shut = team.machine(), team.machine()
    for name, each in (("opened", open_machine), ("shut", shut)):
        team.policy(each, name=name)
    request = team.request(open_machine, name="opened", policy="opened")
    request.wait_state("Active")
    refused = {"kind": "status", "status": 401, "body": {"error": "invalid_client", "error_description": "AADSTS7000215"}}
    world.lab.faults([{"id": "secret", "match": {"method": "POST", "path": "/oauth2/v2.0/token"}, "times": -1,
                       "action": refused}])
    world.lab.forget_tokens()
    world.operator.restart()  # with nothing read yet: the hardest case
    failed = account(world).wait_condition("Ready", "False", "CredentialFailed", timeout=30)
    assert "AADSTS7000215" in failed["message"], failed
    request.patch({"spec": {"revoke": True}}, user="alice")
    waits = team.request(shut, name="waits", policy="shut")
    request.wait_state("Closing")
    wait_for(lambda: "AADSTS7000215" in request.status["message"] or "read" in request.status["message"], 20,
             "why it is not closed")
    assert waits.state in ("", "Pending") and not team.open_rules(shut)

    world.lab.faults([])
    request.wait_state("Revoked", timeout=60)
    assert not team.open_rules(open_machine)
    waits.wait_state("Active", timeout=60)
    account(world).wait_condition("Ready", "True")
