"""Reasons that no story has: each is said when its cause is there, and no longer when it is gone."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from team import API, Machine, Object, Team, parse_time
from world.process import wait_for
from world.world import World

ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/portcullis-operator"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
SERVER_ERROR = {"kind": "status", "status": 503, "body": {"error": {"code": "ServerBusy", "message": "later"}}}
SCALE_SET = (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Compute/virtualMachineScaleSets"
             "/workers/virtualMachines/3/networkInterfaces/nic")
LIFE = 33  # seconds; what has less than 30 left is not opened any more

Rights = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def rights(world: World) -> Iterator[tuple[list[dict[str, Any]], Rights]]:
    """The rules of the operator's role, and how to set others; afterwards they are those again."""
    admin = world.cluster.identity("admin")
    whole = admin.request("GET", ROLE).body["rules"]

    def change(rules: list[dict[str, Any]]) -> None:
        answer = admin.request("PATCH", ROLE, {"rules": rules}, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message

    yield whole, change
    change(whole)


def without(rules: list[dict[str, Any]], resource: str, verb: str) -> list[dict[str, Any]]:
    out = []
    for rule in rules:
        verbs = [each for each in rule["verbs"] if each != verb or resource not in rule["resources"]]
        out += [rule | {"verbs": verbs}] if verbs else []
    assert out != rules
    return out


def test_as_long_as_nobody_answers_whether_the_requester_may_nothing_is_granted(
    team: Team, rights: tuple[list[dict[str, Any]], Rights]
) -> None:
    machine = team.machine()
    team.policy(machine)
    whole, change = rights
    change(without(whole, "subjectaccessreviews", "create"))
    request = team.request(machine)
    told = request.wait_condition("Ready", "False", "AuthorizationUnknown")
    assert "the authorizer did not answer" in told["message"] and "subjectaccessreviews" in told["message"], told
    assert request.state == "Pending" and not team.verdict(request) and not team.open_rules(machine)
    change(whole)
    request.wait_state("Active", timeout=40)  # it asks again within 30 s


def test_a_decision_that_cannot_be_recorded_opens_nothing(
    team: Team, rights: tuple[list[dict[str, Any]], Rights]
) -> None:
    machine = team.machine()
    team.policy(machine)
    whole, change = rights
    change(without(whole, "accessverdicts", "create"))
    request = team.request(machine)
    told = request.wait_condition("Ready", "False", "VerdictFailed")
    assert "cannot be recorded" in told["message"] and "accessverdicts" in told["message"], told
    assert request.state == "Pending" and not team.open_rules(machine)
    change(whole)
    request.wait_state("Active", timeout=40)


def refuse_puts(team: Team, machine: Machine) -> None:
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    team.lab.faults([{"match": {"method": "PUT", "path": path}, "times": -1, "action": SERVER_ERROR}])


def test_what_could_not_be_opened_until_its_end_has_failed_and_left_nothing(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    before = team.rules(machine)
    refuse_puts(team, machine)
    request = team.request(machine, duration=f"{LIFE}s")
    request.wait_state("Opening")
    expires = parse_time(request.status["expiresAt"])
    told = request.wait_state("Failed", timeout=expires - time.time() + 15)
    assert request.condition("Ready")["reason"] == "NeverOpened"
    assert "nothing is left open" in told["status"]["message"].lower(), told["status"]
    assert team.rules(machine) == before


def test_a_machine_that_cannot_be_locked_is_told(team: Team) -> None:
    """An interface of a scale set, and a machine that no account gives: neither is locked, both are named."""
    machine = team.machine()
    read = {"method": "GET", "path": f"/virtualMachines/{machine.name}\\?"}
    profile = {"networkProfile": {"networkInterfaces": [{"id": SCALE_SET}]}}
    team.lab.faults([{"match": read, "times": -1, "action": {"kind": "patch", "body": {"properties": profile}}}])
    policy = team.policy(machine, wait=False)
    told = policy.wait_condition("Ready", "False", "Unsupported")
    assert machine.name in told["message"] and "scale set" in told["message"], told
    assert [each["state"] for each in policy.status["targets"]] == ["Unsupported"]
    assert not team.writes(machine)
    secret = team.policy(name="secret", wait=False,
                         targets=[{"virtualMachine": {"resourceGroup": "secret", "name": machine.name}}])
    secret.wait_condition("Ready", "False", "OutOfScope")
    assert [each["state"] for each in secret.status["targets"]] == ["OutOfScope"]
    ghost = team.policy(name="ghost", wait=False,
                        targets=[{"virtualMachine": {"resourceGroup": "web", "name": "ghost"}}])
    ghost.wait_condition("Ready", "False", "TargetNotFound")
    assert [each["state"] for each in ghost.status["targets"]] == ["Unresolved"]


def test_a_lock_that_cannot_be_written_is_not_there(team: Team) -> None:
    machine = team.machine()
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/"
    team.lab.faults([{"match": {"method": "PUT", "path": path}, "times": -1, "action": SERVER_ERROR}])
    policy = team.policy(machine, wait=False)
    told = policy.wait_condition("Locked", "False", "Locking")
    wait_for(lambda: "ServerBusy" in policy.condition("Locked")["message"], 15, f"the cloud's words, not {told}")
    assert [each["state"] for each in policy.status["targets"]] == ["Locking"]
    team.lab.faults([])
    policy.wait_condition("Locked", "True", "Locked", timeout=40)


def test_the_older_policy_has_the_machine_and_the_later_one_grants_nothing(team: Team) -> None:
    """Two policies with the same machine and port: the older one decides, the later one locks and grants nothing, and
    gets its turn when the older one is gone. What that one granted ends with it."""
    machine = team.machine()
    strict = team.policy(machine, name="strict")
    time.sleep(1.1)  # creation times have whole seconds
    lax = team.policy(machine, name="lax", wait=False, port={"maxDuration": "8h"})
    told = lax.wait_condition("Ready", "False", "Conflict")
    assert "strict" in told["message"] and "older" in told["message"], told
    lax.wait_condition("Conflict", "True", "Conflict")
    strict.wait_condition("Conflict", "False", "NoConflict")
    assert [each["state"] for each in lax.status["targets"]] == ["Conflict"]
    request = team.request(machine, policy="lax", duration="2h")
    waits = request.wait_condition("Ready", "False", "PolicyNotReady")
    assert "strict" in waits["message"], waits
    strict.delete()
    strict.wait_gone()
    lax.wait_condition("Conflict", "False", "NoConflict")
    request.wait_state("Active", timeout=40)
    assert team.connect("stranger", machine, 22) != "connected"


def test_a_second_account_for_a_subscription_does_nothing_and_goes_when_nobody_needs_it(
    team: Team, world: World
) -> None:
    """The oldest account has the subscription. One that is deleted stays as long as a policy refers to it."""
    first = world.cluster.identity("admin").request("GET", f"{API}/cloudaccounts/prod").body["spec"]
    second = Object(world, "", "cloudaccounts", "second")
    body = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "CloudAccount", "metadata": {"name": "second"}, "spec": first}
    answer = world.cluster.identity("admin").request("POST", f"{API}/cloudaccounts", body)
    assert answer.status == 201, answer.message
    try:
        told = second.wait_condition("Ready", "False", "Conflict", timeout=30)
        assert '"prod" is older' in told["message"] and SUBSCRIPTION in told["message"], told
        machine = team.machine()
        policy = team.policy(machine, name="wrong", wait=False, accountRef={"name": "second"}, onDelete="KeepLocks")
        told = policy.wait_condition("Ready", "False", "Conflict")
        assert '"prod"' in told["message"] and "use that one" in told["message"], told
        second.delete()
        told = second.wait_condition("Ready", "False", "InUse")
        assert f'JitPolicy "{team.namespace}/wrong"' in told["message"], told
        policy.delete()
        policy.wait_gone()
        second.wait_gone(timeout=30)
        assert not team.writes(machine)
    finally:
        second.delete()
