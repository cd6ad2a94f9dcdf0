"""Reasons that no story has: each is said when its cause is there, and no longer when it is gone."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from team import API, Object, Team
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/portcullis-operator"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
SERVER_ERROR = {"kind": "status", "status": 503, "body": {"error": {"code": "ServerBusy", "message": "later"}}}
SCALE_SET = (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Compute/virtualMachineScaleSets"
             "/workers/virtualMachines/3/networkInterfaces/nic")

class Rights:
    """The rules of the operator's role."""

    def __init__(self, world: World) -> None:
        self._admin, self._operator = world.cluster.identity("admin"), world.cluster.identity(OPERATOR)
        self._whole = self._admin.request("GET", ROLE).body["rules"]
        self._taken: tuple[str, str, str] | None = None

    def take(self, group: str, resource: str, verb: str) -> None:
        rules = []
        for rule in self._whole:
            verbs = [each for each in rule["verbs"] if each != verb or resource not in rule["resources"]]
            rules += [rule | {"verbs": verbs}] if verbs else []
        self._taken = group, resource, verb
        self._set(rules)

    def give_back(self) -> None:
        if self._taken:
            self._set(self._whole)

    def _set(self, rules: list[dict[str, Any]]) -> None:
        """Until the API server goes by it."""
        answer = self._admin.request("PATCH", ROLE, {"rules": rules}, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message
        wait_for(lambda: self._may() == (rules == self._whole), 10, f"the right to {self._taken} as it was set")

    def _may(self) -> bool:
        group, resource, verb = self._taken or ("", "", "")
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                  "spec": {"resourceAttributes": {"group": group, "resource": resource, "verb": verb, "namespace": "x"}}}
        answer = self._operator.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return answer.body["status"]["allowed"]


@pytest.fixture
def rights(world: World) -> Iterator[Rights]:
    rights = Rights(world)
    yield rights
    rights.give_back()


def wake(policy: Object) -> None:
    """Not to wait for the next try: who waits looks again when the policy was looked at."""
    policy.patch({"spec": {"maxAhead": "23h"}})


def test_as_long_as_nobody_answers_whether_the_requester_may_nothing_is_granted(
    team: Team, rights: Rights
) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    rights.take("authorization.k8s.io", "subjectaccessreviews", "create")
    request = team.request(machine)
    told = request.wait_condition("Ready", "False", "AuthorizationUnknown")
    assert "the authorizer did not answer" in told["message"] and "subjectaccessreviews" in told["message"], told
    assert request.state == "Pending" and not team.verdict(request) and not team.open_rules(machine)
    rights.give_back()
    wake(policy)
    request.wait_state("Active")


def test_a_decision_that_cannot_be_recorded_opens_nothing(team: Team, rights: Rights) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    rights.take("portcullis.dev", "accessverdicts", "create")
    request = team.request(machine)
    told = request.wait_condition("Ready", "False", "VerdictFailed")
    assert "cannot be recorded" in told["message"] and "accessverdicts" in told["message"], told
    assert request.state == "Pending" and not team.open_rules(machine)
    rights.give_back()
    wake(policy)
    request.wait_state("Active")


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
