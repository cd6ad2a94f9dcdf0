"""Orphans: what bears our mark and belongs to nobody is closed where it lets somebody in, else left and told."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from team import API, Machine, Object, Team, parse_time
from world.assets import REPOSITORY
from world.guards import wait_for_guards
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

# What holds rules of ours is read every minute.
DRIFT_PERIOD = 75
UNREAD = 5  # seconds for which the cloud does not answer
OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}"
CLOSED = "portcullis_orphans_closed_total"
ELSEWHERE = "portcullis-elsewher-open-0123456789abcdefghij"


@pytest.fixture
def account(world: World) -> Iterator[Object]:
    account = Object(world, "", "cloudaccounts", "prod")
    yield account
    if account.get():
        account.patch({"spec": {"orphans": "Delete"}})


def put_copy(team: Team, machine: Machine, name: str, rule: dict[str, Any], **changes: Any) -> None:
    team.lab.put_rule("net", machine.nsg, name, copy.deepcopy(rule["properties"]) | changes)


def names(team: Team, machine: Machine) -> list[str]:
    return [rule["name"] for rule in team.rules(machine)]


def look(policy: Object, hours: int) -> None:
    """Not to wait for the next reading: what the policy's machines stand behind is read when its spec changes."""
    policy.patch({"spec": {"maxAhead": f"{hours}h"}})


def test_an_open_rule_that_no_verdict_wants_is_closed_within_one_sweep_with_an_event(
    team: Team, world: World, account: Object
) -> None:
    """An open rule of ours that no verdict wants is gone within one period, with one Event and one count; a rule of
    another cluster's, and one whose mark cannot be read, stay as they are and are told."""
    machine, other = team.machine(), team.machine()
    team.policy(machine, other)
    team.request(machine).wait_state("Active")
    [rule] = team.open_rules(machine)
    before = world.operator.metrics()[CLOSED]
    uid = account.get()["metadata"]["uid"]
    told = len(closed_orphans(account, uid))
    put_copy(team, other, rule["name"], rule)
    strange = rule["name"][:-3] + "abc"
    put_copy(team, other, strange, rule, description="portcullis/v1 open until=tomorrow", priority=150)
    put_copy(team, other, ELSEWHERE, rule, priority=151)  # its time is not over
    wait_for(lambda: rule["name"] not in names(team, other), DRIFT_PERIOD, "the copy is gone", interval=0.3)
    assert team.open_rules(machine) == [rule]
    wait_for(lambda: world.operator.metrics()[CLOSED] == before + 1, 10, "it is counted")
    wait_for(lambda: len(closed_orphans(account, uid)) == told + 1, 10, "an Event")
    note = closed_orphans(account, uid)[-1]["note"]
    assert rule["name"] in note and other.nsg in note, note
    condition = account.wait_condition("Orphans", "True", "UnreadableMark", timeout=DRIFT_PERIOD)
    assert strange in condition["message"] and ELSEWHERE not in condition["message"], condition
    assert {strange, ELSEWHERE} <= set(names(team, other))
    for name in (strange, ELSEWHERE):
        team.lab.delete_rule("net", other.nsg, name)


def closed_orphans(account: Object, uid: str) -> list[dict[str, Any]]:
    return [event for event in account.events(uid) if event["reason"] == "OrphanClosed"]


def test_what_is_not_ours_to_remove_is_told_and_left(team: Team, account: Object) -> None:
    """With orphans: Report an open rule that nobody wants is told and stays until somebody says Delete. Another
    cluster's rule is never changed; when its time is over, it is told."""
    machine, other = team.machine(), team.machine()
    policy = team.policy(machine, other)
    request = team.request(machine)
    request.wait_state("Active")
    account.wait_condition("Orphans", "False", "NoOrphans", timeout=DRIFT_PERIOD)
    [rule] = team.open_rules(machine)
    overdue = "portcullis/v1 open until=2026-01-01T00:00:00Z"
    put_copy(team, other, ELSEWHERE, rule, priority=151, description=overdue)
    theirs = [each for each in team.rules(other) if each["name"] == ELSEWHERE]
    look(policy, 23)
    told = account.wait_condition("Orphans", "True", "OtherInstance")
    assert ELSEWHERE in told["message"] and "elsewher" in told["message"], told
    wait_for(lambda: "OtherInstance" in [event["reason"] for event in account.events()], 10, "an Event")
    assert [each for each in team.rules(other) if each["name"] == ELSEWHERE] == theirs
    team.lab.delete_rule("net", other.nsg, ELSEWHERE)
    look(policy, 22)
    account.wait_condition("Orphans", "False", "NoOrphans")

    forgotten = rule_of_a_forgotten_grant(team, other)
    account.patch({"spec": {"orphans": "Report"}})
    look(policy, 21)  # it has read the account by the time that it has read this
    policy.wait_condition("Ready", "True")
    put_copy(team, other, forgotten["name"], forgotten)
    look(policy, 20)
    told = account.wait_condition("Orphans", "True", "OrphanOpen")
    assert forgotten["name"] in told["message"] and other.nsg in told["message"], told
    assert team.open_rules(other) == [forgotten]
    account.patch({"spec": {"orphans": "Delete"}})
    look(policy, 19)
    wait_for(lambda: not team.open_rules(other), 20, "it is gone")
    account.wait_condition("Orphans", "False", "NoOrphans")
    assert team.open_rules(machine) == [rule] and request.state == "Active"


def rule_of_a_forgotten_grant(team: Team, machine: Machine) -> dict[str, Any]:
    """An open rule whose time is not over, and of which no object tells any more: as after a restore."""
    request = team.request(machine, name="forgotten", user="carol")
    verdict = team.object("accessverdicts", request.wait_state("Active")["metadata"]["uid"])
    [rule] = team.open_rules(machine)
    request.delete()
    request.wait_gone()
    verdict.delete(user=OPERATOR)
    verdict.wait_gone()
    return rule


def test_a_policy_that_vanished_leaves_its_locks_shut_and_is_told(team: Team, world: World, account: Object) -> None:
    """After a restore without the policy, or with its finalizer forced off, its machine stays shut: the lock stays and
    is told as an OrphanLock, the grant's rule goes. A policy of that name takes the lock over, without a write."""
    machine, other = team.machine(), team.machine()
    witness = team.policy(other, name="witness")
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    locks = [rule for rule in team.rules(machine, own=True) if "-lock-" in rule["name"]]
    world.operator.kill9()
    vanish(policy)
    world.operator.start()
    request.wait_state("Revoked")
    request.wait_condition("Ready", "False", "PolicyDeleted")
    told = account.wait_condition("Orphans", "True", "OrphanLock")
    assert locks[0]["name"] in told["message"] and machine.nsg in told["message"], told
    assert team.rules(machine, own=True) == locks
    assert not team.lab.connect("stranger", machine.name, 22)["allowed"]
    writes = len(team.writes(machine))
    team.policy(machine)
    assert team.rules(machine, own=True) == locks and len(team.writes(machine)) == writes
    account.wait_condition("Orphans", "False", "NoOrphans", timeout=DRIFT_PERIOD)
    witness.wait_condition("Ready", "True")  # a new operator does not know of what was read before it


def test_nothing_is_taken_for_an_orphan_before_everything_was_read(team: Team, world: World) -> None:
    """An open rule is an orphan only when everything was read: as long as one live grant's machine has not answered, the
    rule in another machine's NSG may be its."""
    machine, other = team.machine(), team.machine()
    team.policy(machine, other)
    team.request(machine).wait_state("Active")
    forgotten = rule_of_a_forgotten_grant(team, other)
    world.operator.kill9()
    put_copy(team, other, forgotten["name"], forgotten)
    read = {"method": "GET", "path": f"/virtualMachines/{machine.name}\\?"}
    team.lab.faults([{"match": read, "times": -1, "action": {"kind": "delay", "seconds": UNREAD}}])
    team.lab.forget_requests()
    world.operator.start()
    wait_for(lambda: not team.open_rules(other), DRIFT_PERIOD, "the orphan is gone", interval=0.2)
    [removed] = [entry for entry in team.writes(other) if entry["method"] == "DELETE"]
    path = f"/virtualmachines/{machine.name}"
    asked = [entry for entry in team.lab.requests("GET") if entry["path"].lower().endswith(path)]
    looked = [entry for entry in team.requests(other) if entry["method"] == "GET" and entry["seq"] < removed["seq"]]
    assert parse_time(removed["time"]) >= parse_time(asked[0]["time"]) + UNREAD, "removed before all was read"
    assert parse_time(looked[0]["time"]) < parse_time(asked[0]["time"]) + UNREAD, "it was not even seen until then"
    assert team.open_rules(machine)


def vanish(thing: Object) -> None:
    """Deleted, and its finalizer forced off."""
    thing.delete()
    thing.patch({"metadata": {"finalizers": None}}, user=OPERATOR, allowed=(200, 404))
    thing.wait_gone()


def test_a_lock_that_may_not_be_deleted_is_told_when_its_policy_is_gone(team: Team, account: Object) -> None:
    """What is left of a policy that leaves under a CanNotDelete lock is inert, and told as CleanupBlocked."""
    machine = team.machine()
    policy = team.policy(machine)
    path = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/net/providers/Microsoft.Network"
    team.lab.lock(f"{path}/networkSecurityGroups/{machine.nsg}", "CanNotDelete", "audit-2026")
    policy.delete()
    policy.wait_gone()
    told = account.wait_condition("Orphans", "True", "CleanupBlocked")
    assert machine.nsg in told["message"] and "ScopeLocked" in told["message"], told
    assert team.lab.connect("stranger", machine.name, 22)["allowed"]
    team.lab.unlock("audit-2026")
    wait_for(lambda: not team.rules(machine, own=True), 75, "nothing of ours is left", interval=0.3)
    account.wait_condition("Orphans", "False", "NoOrphans")


def test_kinds_that_were_deleted_with_all_their_objects_open_no_machine(
    team: Team, world: World, account: Object
) -> None:
    """When the kinds are deleted with all objects, finalizers forced off, and come back empty, no machine is open: locks
    stay, open rules go at the latest with the first reading."""
    machine = team.machine()
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    locks = [rule for rule in team.rules(machine, own=True) if "-lock-" in rule["name"]]
    world.operator.kill9()
    admin = world.cluster.identity("admin")
    kinds = ("accessrequests", "accessdecisions", "accessverdicts", "jitpolicies")
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    try:
        for kind in kinds:
            assert admin.request("DELETE", f"{definitions}/{kind}.portcullis.dev").status == 200

        def gone() -> bool:
            for kind in kinds:
                answer = admin.request("GET", f"{API}/{kind}")
                for item in answer.body.get("items", []) if answer.status == 200 else []:
                    each = Object(world, item["metadata"]["namespace"], kind, item["metadata"]["name"])
                    each.patch({"metadata": {"finalizers": None}}, user=OPERATOR, allowed=(200, 404, 409))
            return all(admin.request("GET", f"{definitions}/{kind}.portcullis.dev").status == 404 for kind in kinds)

        wait_for(gone, 40, "the kinds are gone", interval=0.3)
    finally:
        world.cluster.apply(REPOSITORY / "crds")
        world.cluster.wait_for_crds()
        world.operator.start()
    assert not policy.get() and not request.get()
    wait_for(lambda: not team.open_rules(machine), DRIFT_PERIOD, "the open rule is gone", interval=0.3)
    assert team.rules(machine, own=True) == locks
    assert not team.lab.connect("alice", machine.name, 22)["allowed"]
    account.wait_condition("Orphans", "True", "OrphanLock", timeout=DRIFT_PERIOD)
    wait_for_guards(admin, 60, team.namespace)
    world.operator.wait_until_requests_are_trusted()
    team.policy(machine)
    assert team.rules(machine, own=True) == locks
