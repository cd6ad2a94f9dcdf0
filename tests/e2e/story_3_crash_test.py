"""Crash at any point."""

import bisect
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from team import FINAL, Machine, Object, Team, parse_time
from world import assets, etcd
from world.process import wait_for
from world.world import World

KILLS = 20
SEED = int(os.environ.get("PORTCULLIS_SEED", "4711"))


def opening_puts(team: Team, machine: Machine) -> list[dict[str, Any]]:
    return [entry for entry in team.writes(machine) if entry["method"] == "PUT" and "-open-" in entry["path"]]


def test_killed_at_twenty_moments_of_the_story_nothing_stays_open_and_every_request_ends_right(
    team: Team, world: World
) -> None:
    """Four grants: one lives its time, one is given back, one is deleted, one loses its policy. The operator is killed
    all the while, started again at once, and given no time to settle."""
    print(f"PORTCULLIS_SEED={SEED}")
    random_moments = random.Random(SEED)
    machines = {name: team.machine() for name in ("lives", "returned", "deleted", "orphaned")}
    foreign = {name: team.rules(machine) for name, machine in machines.items()}
    requests: dict[str, Object] = {}
    ended: dict[str, float] = {}  # when its grant was over by what people did, at the latest

    def apply_all() -> None:
        for name, machine in machines.items():
            team.policy(machine, name=name, wait=False)
        for name, machine in machines.items():
            # A request may be there before its policy's locks are; it may not be older than the policy.
            requests[name] = team.request(machine, name=name, policy=name, duration="45s")

    def give_back() -> None:
        requests["returned"].patch({"spec": {"revoke": True}}, user="alice")
        ended["returned"] = time.time()

    def delete() -> None:
        requests["deleted"].delete()
        ended["deleted"] = time.time()

    def delete_policy() -> None:
        team.object("jitpolicies", "orphaned").delete()
        ended["orphaned"] = time.time()

    acts = [(0.0, apply_all), (22.0, give_back), (26.0, delete), (30.0, delete_policy)]
    span = 56.0  # the longest lives 45 s from a verdict in the first seconds
    kills = sorted(random_moments.uniform(0.2, span) for _ in range(KILLS))
    print("kills at", ", ".join(f"{moment:.1f}" for moment in kills))
    agenda = sorted(
        [(moment, "act", act) for moment, act in acts] + [(moment, "kill", None) for moment in kills],
        key=lambda entry: entry[0],
    )
    started = time.monotonic()
    for moment, kind, act in agenda:
        time.sleep(max(0.0, started + moment - time.monotonic()))
        if kind == "kill":
            world.operator.kill9()
            world.operator.start(wait=False)
        else:
            act()
    world.operator.wait_until_ready()

    expected = {"lives": "Expired", "returned": "Revoked", "orphaned": "Revoked"}
    for name, state in expected.items():
        requests[name].wait_state(state, timeout=40)
    requests["deleted"].wait_gone(timeout=40)
    team.object("jitpolicies", "orphaned").wait_gone(timeout=40)
    ended["lives"] = parse_time(requests["lives"].status["expiresAt"])

    for name, machine in machines.items():
        assert not team.open_rules(machine), name
        assert team.rules(machine, own=False) == foreign[name], name
        puts = opening_puts(team, machine)
        assert puts, f"{name} was never open: the story did not take place"
        late = [entry for entry in puts if parse_time(entry["time"]) > ended[name] + 0.5]
        assert not late, f"{name} was opened after its end: {late}"
    assert team.rules(machines["orphaned"]) == foreign["orphaned"]
    verdicts = team.list("accessverdicts")
    assert len(verdicts) == len(machines) and all(each["spec"]["outcome"] == "Granted" for each in verdicts)
    assert len({each["spec"]["requestRef"]["uid"] for each in verdicts}) == len(machines)


class Step:
    """The operator is killed while the cloud holds it at one point of its work."""

    def __init__(self, method: str, path: str, times: int = -1, **action: Any) -> None:
        self.method, self.path, self.times, self.action = method, path, times, action

    def fault(self, machine: Machine) -> dict[str, Any]:
        match = {"method": self.method, "path": f"/networkSecurityGroups/{machine.nsg}{self.path}"}
        return {"match": match, "times": self.times, "action": self.action}

    def kill_there(self, request: Object, machine: Machine, team: Team, since: int) -> None:
        """Waits for the call that the fault met, after that many requests, and kills. What is to be done is recorded
        by then: the verdict, and its end if it was given back."""
        given_back = request.get()["spec"]["revoke"]

        def met() -> bool:
            spec = team.verdict(request).get("spec", {})
            recorded = bool(spec.get("ended")) if given_back else bool(spec)
            log = team.requests(machine)[since:]
            return recorded and any(entry.get("fault") and entry["method"] == self.method for entry in log)

        wait_for(met, 15, f"{self.method} of {machine.nsg} met the fault", interval=0.02)
        team.world.operator.kill9()
        team.lab.faults([])
        self.killed_at = time.monotonic()

    def wait_for_late_effect(self) -> None:
        """What the dead operator has sent arrives now, if it is under way."""
        if self.action["kind"] == "lateEffect":
            time.sleep(max(0.0, self.killed_at + self.action["seconds"] + 0.3 - time.monotonic()))


OPEN_RULE = "/securityRules/portcullis-.*-open-"
OPENING_STEPS = {
    "the_verdict_is_written_the_nsg_not_read": Step("GET", "\\?", kind="delay", seconds=30),
    "the_rule_was_never_sent": Step("PUT", OPEN_RULE, kind="dropBefore"),
    "the_rule_is_written_the_answer_lost": Step("PUT", OPEN_RULE, kind="lostAnswer"),
    "the_rule_takes_effect_after_the_crash": Step("PUT", OPEN_RULE, times=1, kind="lateEffect", seconds=1.5),
}
CLOSING_STEPS = {
    "the_nsg_not_read": Step("GET", "\\?", kind="delay", seconds=30),
    "the_delete_was_never_sent": Step("DELETE", OPEN_RULE, kind="dropBefore"),
    "the_rule_is_gone_the_answer_lost": Step("DELETE", OPEN_RULE, kind="lostAnswer"),
    "the_delete_takes_effect_after_the_crash": Step("DELETE", OPEN_RULE, times=1, kind="lateEffect", seconds=1.5),
}


@pytest.mark.parametrize("step", OPENING_STEPS)
def test_killed_while_opening_it_opens_once_and_is_active_with_its_rule(team: Team, world: World, step: str) -> None:
    """Killed after each step of opening, it opens once, and no request is Active without its rule."""
    machine = team.machine()
    team.policy(machine)
    foreign = team.rules(machine, own=False)
    since = len(team.requests(machine))
    team.lab.faults([OPENING_STEPS[step].fault(machine)])
    request = team.request(machine)
    OPENING_STEPS[step].kill_there(request, machine, team, since)
    verdict = team.verdict(request)
    assert verdict["spec"]["outcome"] == "Granted" and request.state != "Active"
    world.operator.start()
    status = request.wait_state("Active")["status"]
    OPENING_STEPS[step].wait_for_late_effect()
    [rule] = team.open_rules(machine)
    assert request.state == "Active"
    assert [each["name"] for each in status["rules"]] == [rule["name"]]
    assert team.verdict(request)["metadata"]["uid"] == verdict["metadata"]["uid"]
    assert parse_time(status["expiresAt"]) == parse_time(verdict["metadata"]["creationTimestamp"]) + 600
    assert team.rules(machine, own=False) == foreign


@pytest.mark.parametrize("step", CLOSING_STEPS)
def test_killed_while_closing_it_closes_and_says_so(team: Team, world: World, step: str) -> None:
    """Killed after each step of closing, no rule without a live request remains."""
    machine = team.machine()
    team.policy(machine)
    before = team.rules(machine)
    request = team.request(machine)
    request.wait_state("Active")
    since = len(team.requests(machine))
    team.lab.faults([CLOSING_STEPS[step].fault(machine)])
    request.patch({"spec": {"revoke": True}}, user="alice")
    CLOSING_STEPS[step].kill_there(request, machine, team, since)
    assert request.state not in FINAL
    world.operator.start()
    request.wait_state("Revoked")
    CLOSING_STEPS[step].wait_for_late_effect()
    assert team.rules(machine) == before and request.state == "Revoked"


# What the status of a request may be after an upgrade.
OTHER_SCHEMA: list[dict[str, Any]] = [
    {},
    {"phase": "Open", "until": 17, "conditions": {"Ready": True}, "rules": "all", "openedAt": ["yesterday"]},
    {"state": "Active", "conditions": [{"kind": "Ready"}, 7, None], "expiresAt": "never", "rules": [{"nsg": 1}]},
    {"state": 5, "closedAt": True, "verdict": None, "observedGeneration": "first"},
]
OVERDUE = 300
LEAST = 100  # of which so many have to be open when the operator is killed
LIFE = 60  # seconds; until then all have to be open
AT_ONCE = 8  # calls to a cloud that are under way, at most
MEMORY = 64  # MiB
LATENCY = 0.03  # seconds: of each answer of the cloud, so that the log tells what was under way together


def most_at_once(log: list[dict[str, Any]]) -> int:
    """How many calls were under way together: none was answered before the latency was over."""
    times = sorted(parse_time(entry["time"]) for entry in log if "/oauth2/" not in entry["path"])
    return max(bisect.bisect_left(times, at + LATENCY * 0.95) - place for place, at in enumerate(times))


def test_overdue_grants_close_before_anything_new_opens_and_within_bounds(team: Team, world: World) -> None:
    """Started again with hundreds of grants that are overdue (`make bench` has 5,000), it closes all of them before it
    opens anything; memory and calls that are under way together stay within bounds, and new requests are served after.
    A status that another version wrote in a schema of its own keeps nothing from closing."""
    machines = [team.machine(packets=False) for _ in range(10)]
    ports = [{"port": 1000, "endPort": 1999, "protocol": "TCP"}]
    limits = {"activePerRequester": 100, "active": 1000, "totalDuration": "24h"}
    for number in range(5):  # a requester may have 100 under one
        team.policy(*machines[number * 2 : number * 2 + 2], name=f"many-{number}", wait=False, ports=ports, limits=limits)
    newcomer = team.machine(packets=False)
    team.policy(newcomer, name="new")
    for number in range(5):
        team.object("jitpolicies", f"many-{number}").wait_condition("Ready", "True")
    foreign = [team.rules(machine, own=False) for machine in [*machines, newcomer]]
    before = world.lab.settings()
    world.lab.settings(throttling=False, operationTime="0s")

    def ask(number: int) -> Object:
        machine, port = number % 10, {"port": 1000 + number, "protocol": "TCP"}
        policy = f"many-{machine // 2}"
        return team.request(machines[machine], name=f"r-{number}", policy=policy, ports=[port],
                            sources=[f"203.0.113.{number % 250}/32"], duration=f"{LIFE}s")

    def states() -> Counter[str]:
        return Counter(each.get("status", {}).get("state", "") for each in team.list("accessrequests"))

    began = time.monotonic()
    try:
        with ThreadPoolExecutor(4) as pool:
            requests = list(pool.map(ask, range(OVERDUE)))
        # A machine that is busy with other things may not get through with all of them.
        while states()["Active"] < OVERDUE and time.monotonic() < began + LIFE - 10:
            time.sleep(0.5)
        print(f"{states()} within {time.monotonic() - began:.0f} s")
        world.operator.kill9()
        granted = [each for each in team.list("accessverdicts") if each["spec"]["outcome"] == "Granted"]
        for request in requests if len(granted) < OVERDUE else []:
            if not team.verdict(request):
                request.patch({"spec": {"revoke": True}}, user="alice")
        last = max(parse_time(each["metadata"]["creationTimestamp"]) for each in granted) + LIFE
        time.sleep(max(0.0, last - time.time() + 0.5))
        overdue = sum(len(team.open_rules(machine)) for machine in machines)  # nobody was there to close them
        assert overdue >= LEAST, f"{overdue} were open: the machine was too busy"
        for request, status in zip(requests, OTHER_SCHEMA, strict=False):
            etcd.change(world.cluster.etcd_socket, "accessrequests", team.namespace, request.name,
                        lambda stored, status=status: stored.update(status=status))
        late = team.request(newcomer, name="late", policy="new")
        world.lab.settings(latency=f"{LATENCY * 1000:.0f}ms")
        team.lab.forget_requests()
        world.operator.start()
        began = time.monotonic()
        late.wait_state("Active", timeout=60)
        print(f"the next one open after {time.monotonic() - began:.0f} s")
        log = team.lab.requests()
        memory = world.operator.peak_memory()
    finally:
        world.lab.settings(throttling=before["throttling"], operationTime=before["operationTime"], latency="0s")
    written = [entry["method"] for entry in log if "-open-" in entry["path"] and entry["method"] in ("PUT", "DELETE")]
    assert written == ["DELETE"] * overdue + ["PUT"]
    print(f"{len(log)} calls, {most_at_once(log)} at once; {memory:.0f} MiB at most")
    assert 1 < most_at_once(log) <= AT_ONCE
    assert memory <= MEMORY or assets.is_sanitized()
    wait_for(lambda: set(states()) <= {"Expired", "Failed", "Withdrawn", "Active"}, 30, "all closed", interval=0.5)
    assert states()["Active"] == 1 and states()["Expired"] + states()["Failed"] >= overdue
    # Of those whose status told nothing it cannot be said whether anybody was let in.
    assert {request.state for request in requests[: len(OTHER_SCHEMA)]} == {"Failed"}
    assert [team.rules(machine, own=False) for machine in [*machines, newcomer]] == foreign
    # And new ones are served after.
    team.request(machines[0], name="after", policy="many-0", ports=[{"port": 1999, "protocol": "TCP"}]).wait_state("Active")
