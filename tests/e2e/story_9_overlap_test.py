"""Overlapping grants: whose time is over goes alone, and what two want is there once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from team import ADDRESSES, Team, parse_time
from world.connect import CONNECTED, TIMEOUT
from world.world import World

SHORT, LONG = 36, 46  # seconds; what has less than 30 left is not opened any more


def test_when_one_of_two_grants_for_the_same_ends_the_other_works_on_until_its_own_end(team: Team) -> None:
    """Of two grants for the same flow, the end of one leaves the other what it has: not a moment's gap, whether both
    end in the same minute and share a rule, or not."""
    near, far = team.machine(), team.machine()
    foreign = {machine: team.rules(machine, own=False) for machine in (near, far)}
    team.policy(near, far, limits={"activePerRequester": 2})
    sources = [f"{ADDRESSES['alice']}/32"]
    first = {
        machine: team.request(machine, name=f"first-{machine.name}", duration=f"{SHORT}s") for machine in (near, far)
    }
    second = {
        machine: team.request(machine, name=f"second-{machine.name}", user="carol", sources=sources, duration=life)
        for machine, life in ((near, f"{LONG}s"), (far, "10m"))
    }
    for request in (*first.values(), *second.values()):
        request.wait_state("Active")
    over = Event()
    with ThreadPoolExecutor(2) as pool:
        watched = {machine: pool.submit(team.refused_while, over, "alice", machine) for machine in (near, far)}
        try:
            for request in first.values():
                request.wait_state("Expired", timeout=SHORT + 10)
            assert second[near].state == second[far].state == "Active"
            assert team.connect("alice", near, 22) == team.connect("alice", far, 22) == CONNECTED
            assert all(len(team.slots(machine)) == 1 for machine in (near, far)), "the first one's rule is gone"
            ends = parse_time(second[near].status["expiresAt"])
            time.sleep(max(0.0, ends - 0.5 - time.time()))
        finally:
            over.set()
        assert [looks.result() for looks in watched.values()] == [[], []]
    second[near].wait_state("Expired", timeout=10)
    second[far].patch({"spec": {"revoke": True}}, user="carol")
    second[far].wait_state("Revoked")
    assert team.connect("alice", near, 22) == team.connect("alice", far, 22) == TIMEOUT
    for machine in (near, far):
        assert not team.open_rules(machine) and team.rules(machine, own=False) == foreign[machine]


def test_what_is_looked_at_twice_is_one_rule(team: Team, world: World) -> None:
    """However often a slot is planned (a lost answer, a second request, a restart), there is one rule for it."""
    machine = team.machine()
    policy = team.policy(machine)
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    team.lab.faults([{"match": {"method": "PUT", "path": path}, "times": 2, "action": {"kind": "lostAnswer"}}])
    requests = [team.request(machine), team.request(machine, name="second", user="carol")]
    policy.patch({"spec": {"maxAhead": "23h"}})
    for request in requests:
        request.wait_state("Active")
    slots = team.slots(machine)
    assert len(set(slots)) == len(slots) <= 2, slots  # two only if a minute ended between the two verdicts
    world.operator.restart()
    policy.patch({"spec": {"maxAhead": "22h"}})
    policy.wait_condition("Ready", "True")
    assert team.slots(machine) == slots
    priorities = [rule["properties"]["priority"] for rule in team.rules(machine)]
    inbound = [rule for rule in team.rules(machine) if rule["properties"]["direction"] == "Inbound"]
    assert len({rule["properties"]["priority"] for rule in inbound}) == len(inbound), priorities


def test_whoever_has_as_much_as_the_policy_gives_is_refused_with_the_name_of_what_is_live(team: Team) -> None:
    """A request over limits.activePerRequester is refused with the name of the live one."""
    machine = team.machine()
    team.policy(machine)  # one per requester is the default
    first = team.request(machine, name="the-live-one")
    first.wait_state("Active")
    writes = len(team.writes(machine))
    second = team.request(machine, name="one-too-many")
    second.wait_state("Denied")
    assert second.condition("Ready")["reason"] == "LimitExceeded"
    for words in ('"alice" has 1 live', '"the-live-one"', "allows 1", "limits.activePerRequester"):
        assert words in second.status["message"], second.status["message"]
    assert len(team.writes(machine)) == writes
    first.patch({"spec": {"revoke": True}}, user="alice")
    first.wait_state("Revoked")
    team.request(machine, name="the-next").wait_state("Active")
