"""Everything goes, in every order, with grants open: each deletion ends, nothing stays open, the NSG is as before."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from team import Machine, Object, Team
from world.assets import REPOSITORY
from world.names import fresh_namespace_name
from world.process import wait_for
from world.world import World

ACCOUNT = Path(__file__).parent / "account.yaml"
STEPS = ("request", "policy", "namespace")
ORDERS = list(itertools.permutations(STEPS))
GONE = 90  # seconds: the namespace controller tries again ever more rarely while objects in it wait for us


@pytest.fixture
def account(world: World) -> Iterator[Object]:
    yield Object(world, "", "cloudaccounts", "prod")
    world.cluster.apply(ACCOUNT)
    Object(world, "", "cloudaccounts", "prod").wait_condition("Ready", "True", timeout=GONE)


class Leaving:
    """A team with a machine that is locked and open to alice."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.team = Team(world, world.cluster.namespace(fresh_namespace_name(name)))
        self.machine: Machine = self.team.machine()
        self.before = self.team.rules(self.machine)
        self.policy = self.team.policy(self.machine, wait=False)
        self.request: Object

    def ask(self) -> None:
        self.policy.wait_condition("Ready", "True")
        self.request = self.team.request(self.machine)

    def delete(self, what: str) -> None:
        """Begins it, and does not wait."""
        if what == "namespace":
            path = f"/api/v1/namespaces/{self.team.namespace}"
            answer = self.world.cluster.identity("admin").request("DELETE", path)
            assert answer.status in (200, 202), answer.message
        else:
            {"request": self.request, "policy": self.policy}[what].delete()

    def namespace_is_gone(self) -> bool:
        path = f"/api/v1/namespaces/{self.team.namespace}"
        return self.world.cluster.identity("admin").request("GET", path).status == 404

    def check_nothing_is_left(self) -> None:
        left = wait_for(lambda: self.team.rules(self.machine) == self.before, GONE, f"{self.machine.nsg} as before")
        assert left


def leaving(world: World, names: list[str]) -> list[Leaving]:
    teams = [Leaving(world, name) for name in names]
    for team in teams:
        team.ask()
    for team in teams:
        team.request.wait_state("Active")
    return teams


def test_requests_policies_and_namespaces_go_in_every_order_with_live_grants(world: World) -> None:
    teams = leaving(world, ["-".join(order) for order in ORDERS])
    for team, order in zip(teams, ORDERS, strict=True):
        for what in order:
            team.delete(what)
    for team, order in zip(teams, ORDERS, strict=True):
        wait_for(team.namespace_is_gone, GONE, f"{' then '.join(order)}: the namespace is gone")
        team.check_nothing_is_left()


def test_a_record_that_keeps_a_namespace_from_going_says_why(world: World) -> None:
    """Its request is gone, and a new operator may not read the machine: it cannot prove that nothing is open."""
    (leaver,) = leaving(world, ["unproven"])
    machine = leaver.machine
    leaver.request.patch({"spec": {"revoke": True}}, user="alice")
    leaver.request.wait_state("Revoked")
    verdict = leaver.team.object("accessverdicts", leaver.request.get()["metadata"]["uid"])
    leaver.delete("request")
    leaver.request.wait_gone()
    error = {"error": {"code": "AuthorizationFailed", "message": "no right to read it"}}
    refusal = {"kind": "status", "status": 403, "body": error}
    world.lab.faults([{"match": {"method": "GET", "path": rf"/virtualMachines/{machine.name}\?"}, "times": -1,
                       "action": refusal}])
    world.operator.restart()
    leaver.delete("namespace")
    told = verdict.wait_condition("Overdue", "True", "Overdue", timeout=60)["message"]
    assert f"machine {machine.name} cannot be read" in told and "AuthorizationFailed" in told, told
    assert not leaver.namespace_is_gone()
    world.lab.faults([])
    wait_for(leaver.namespace_is_gone, GONE, "the namespace is gone")
    leaver.check_nothing_is_left()


@pytest.mark.parametrize("first", ["account", "others"])
def test_the_account_goes_too_and_only_when_nothing_of_ours_is_left(world: World, account: Object, first: str) -> None:
    """Before or after all that needs it; the operator is killed in the middle."""
    orders = [("policy", "namespace"), ("namespace",), ("request", "policy", "namespace")]
    teams = leaving(world, [f"{first}-{number}" for number in range(len(orders))])
    if first == "account":
        account.delete()
        in_use = account.wait_condition("Ready", "False", "InUse")
        assert "JitPolicy" in in_use["message"]
    for team, order in zip(teams, orders, strict=True):
        for what in order:
            team.delete(what)
    if first == "others":
        account.delete()
    world.operator.restart()
    for team in teams:
        wait_for(team.namespace_is_gone, GONE, f"namespace {team.team.namespace} is gone")
        team.check_nothing_is_left()
    account.wait_gone(timeout=GONE)


def test_locks_that_shall_stay_keep_the_account_and_are_named(world: World, team: Team, account: Object) -> None:
    """A policy with onDelete: KeepLocks leaves its locks; whoever deletes the account then is told which."""
    machine = team.machine()
    policy = team.policy(machine, onDelete="KeepLocks")
    locks = team.rules(machine, own=True)
    policy.delete()
    policy.wait_gone()
    assert team.rules(machine, own=True) == locks
    account.delete()
    told = account.wait_condition("Ready", "False", "InUse")["message"]
    assert machine.nsg in told and locks[0]["name"] in told and "by hand" in told, told
    for lock in locks:
        team.lab.delete_rule(machine.nsg_group, machine.nsg, lock["name"])
    account.wait_gone(timeout=GONE)


def test_deleting_the_kind_of_policies_unlocks_what_is_not_told_to_stay_locked(world: World, team: Team) -> None:
    """The API server keeps the kind until the operator has let each policy go; applied again, all is as ever."""
    unlocked, kept = team.machine(), team.machine()
    before = team.rules(unlocked)
    team.policy(unlocked, name="unlock")
    team.policy(kept, name="keep", onDelete="KeepLocks")
    locks = team.rules(kept, own=True)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/jitpolicies.portcullis.dev"
    admin = world.cluster.identity("admin")
    assert admin.request("DELETE", path).status == 200
    wait_for(lambda: admin.request("GET", path).status == 404, GONE, "the kind is gone")
    assert team.rules(unlocked) == before and team.rules(kept, own=True) == locks
    world.cluster.apply(REPOSITORY / "crds")
    world.cluster.wait_for_crds()
    # Who comes back under its name finds its locks.
    policy = team.policy(kept, name="keep")
    assert team.rules(kept, own=True) == locks
    policy.delete()
    policy.wait_gone()
    assert not team.rules(kept, own=True)
