"""Limits, suspension, and what else ends a grant early."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from team import API, Machine, Object, Team
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}"
SERVER_ERROR = {"kind": "status", "status": 500, "body": {"error": {"code": "InternalServerError", "message": "no"}}}


def refuse_writes(team: Team, machine: Machine) -> None:
    """Of open rules: neither made, nor removed, nor made harmless."""
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    team.lab.faults([
        {"match": {"method": method, "path": path}, "times": -1, "action": SERVER_ERROR} for method in ("PUT", "DELETE")
    ])


def test_what_is_scheduled_or_opening_counts_as_live(team: Team) -> None:
    """The second request over limits.activePerRequester is refused also while the first is Scheduled or Opening."""
    machine = team.machine()
    team.policy(machine)
    refuse_writes(team, machine)
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    scheduled = team.request(machine, name="scheduled", startAt=later)
    opening = team.request(machine, name="opening", user="carol")
    scheduled.wait_state("Scheduled")
    scheduled.wait_condition("Ready", "False", "Scheduled")
    opening.wait_state("Opening")
    for first, user in ((scheduled, "alice"), (opening, "carol")):
        second = team.request(machine, name=f"after-{first.name}", user=user)
        second.wait_state("Denied")
        assert second.condition("Approved")["reason"] == "LimitExceeded"
        assert f'"{first.name}"' in second.status["message"], second.status["message"]


def test_of_requests_that_race_no_more_are_granted_than_the_limit(team: Team) -> None:
    """Of ten requests made at the same moment, as many are granted as the limits allow, and no more."""
    one, two = team.machine(), team.machine()
    team.policy(one, name="one")
    team.policy(two, name="two", limits={"activePerRequester": 9, "active": 2})

    def ask(number: int) -> Object:
        policy, machine = (("one", one), ("two", two))[number % 2]
        return team.request(machine, name=f"r-{number}", policy=policy)

    with ThreadPoolExecutor(8) as pool:
        requests = list(pool.map(ask, range(20)))
    states: dict[str, list[str]] = {"one": [], "two": []}
    for request in requests:
        seen = request.wait_state("Active", "Denied", timeout=30)
        states[seen["spec"]["policyRef"]["name"]].append(seen["status"]["state"])
        if seen["status"]["state"] == "Denied":
            assert request.condition("Ready")["reason"] == "LimitExceeded"
    assert [each.count("Active") for each in states.values()] == [1, 2]
    granted = [each for each in team.list("accessverdicts") if each["spec"]["outcome"] == "Granted"]
    assert len(granted) == 3


def test_suspending_closes_all_says_how_many_and_nothing_comes_back(team: Team) -> None:
    """spec.suspend closes every grant of the policy, refuses new ones and says how many of how many are closed; when
    it is taken back, nothing opens again."""
    machine, stuck = team.machine(), team.machine()
    policy = team.policy(machine, stuck)
    requests = [team.request(machine), team.request(stuck, name="stuck", user="carol")]
    for request in requests:
        request.wait_state("Active")
    refuse_writes(team, stuck)
    policy.patch({"spec": {"suspend": True}})
    requests[0].wait_state("Revoked", timeout=5)
    assert requests[0].condition("Ready")["reason"] == "Suspended"
    wait_for(lambda: "1 of 2 grant(s)" in policy.condition("Ready")["message"], 15, "one of two is told")
    refused = team.request(machine, name="refused")
    refused.wait_state("Denied")
    assert refused.condition("Ready")["reason"] == "Suspended"
    team.lab.faults([])
    requests[1].wait_state("Revoked", timeout=40)
    wait_for(lambda: "2 of 2 grant(s)" in policy.condition("Ready")["message"], 15, "two of two are told")
    assert policy.condition("Locked")["status"] == "True"
    policy.patch({"spec": {"suspend": False}})
    policy.wait_condition("Ready", "True")
    assert "suspended" not in policy.condition("Ready")["message"]
    team.request(machine, name="anew").wait_state("Active")
    assert [request.state for request in requests] == ["Revoked", "Revoked"] and not team.open_rules(stuck)


def test_a_policy_that_allows_less_than_was_granted_ends_it(team: Team) -> None:
    """A policy that is tightened ends what it no longer allows, all of it; what is allowed still goes on."""
    machine, other = team.machine(), team.machine()
    policy = team.policy(machine, other)
    long, short = team.request(machine, duration="50m"), team.request(other, name="short", user="carol")
    for request in (long, short):
        request.wait_state("Active")
    ports = policy.get()["spec"]["ports"]
    policy.patch({"spec": {"ports": [ports[0] | {"maxDuration": "30m"}]}})
    status = long.wait_state("Revoked")["status"]
    assert long.condition("Ready")["reason"] == "PolicyChanged"
    assert "granted for 50m" in status["message"] and "allows 30m" in status["message"]
    assert not team.open_rules(machine) and short.state == "Active" and team.open_rules(other)


def test_another_machine_under_the_name_gets_nothing_that_was_granted_for_the_first(team: Team) -> None:
    """A machine that is made anew is another one: what was granted for the first ends, by its own id."""
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    team.lab.recreate_machine("web", machine.name)
    request.wait_state("Revoked", timeout=75)
    assert request.condition("Ready")["reason"] == "TargetChanged"
    assert not team.open_rules(machine)
    team.request(machine, name="anew").wait_state("Active")


def made(team: Team, request: Object) -> tuple[str, str]:
    """By what its verdict is older or younger than others."""
    meta = team.verdict(request)["metadata"]
    return meta["creationTimestamp"], meta["uid"]


def test_a_grant_that_slipped_past_a_limit_ends_and_a_lowered_limit_ends_the_youngest(team: Team, world: World) -> None:
    """Two leaders may each have granted the last place: the younger grant ends with LimitExceeded. Whoever lowers a
    limit ends what is too many by it, the youngest first."""
    machine, other = team.machine(), team.machine()
    team.policy(machine, name="one")
    two = team.policy(other, name="two", limits={"activePerRequester": 2})
    first = team.request(machine, name="first", policy="one")
    pair = [team.request(other, name=f"of-{minutes}", policy="two", duration=f"{minutes}m") for minutes in (20, 40)]
    for request in (first, *pair):
        request.wait_state("Active")
    world.operator.kill9()
    second = team.request(machine, name="second", policy="one")
    uid = second.get()["metadata"]["uid"]
    spec = team.verdict(first)["spec"] | {"requestRef": {"name": "second", "uid": uid}}
    body = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessVerdict", "spec": spec,
            "metadata": {"name": uid, "namespace": team.namespace}}
    path = f"{API}/namespaces/{team.namespace}/accessverdicts"
    answer = world.cluster.identity(OPERATOR).request("POST", path, body)
    assert answer.status == 201, answer.message
    world.operator.start()
    stays, ends = sorted((first, second), key=lambda request: made(team, request))
    ends.wait_state("Revoked")
    assert ends.condition("Ready")["reason"] == "LimitExceeded"
    assert f'"{stays.name}"' in ends.status["message"] and "allows 1" in ends.status["message"], ends.status["message"]
    assert team.verdict(ends)["spec"]["ended"]["reason"] == "LimitExceeded"
    stays.wait_state("Active")
    assert len(team.open_rules(machine)) == 1
    two.patch({"spec": {"limits": {"activePerRequester": 1}}})
    older, younger = sorted(pair, key=lambda request: made(team, request))
    younger.wait_state("Revoked")
    assert younger.condition("Ready")["reason"] == "LimitExceeded"
    assert older.state == "Active" and len(team.open_rules(other)) == 1
