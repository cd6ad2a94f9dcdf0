"""A storm: hundreds of openings at once on few NSGs, in a cloud that writes slowly and throttles, while grants end.

What was promised to end ends: judged by the cloud's own log, by what was written before each closing.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from team import Machine, Object, Team, parse_time
from world.world import World

OPENINGS = 300
ENDING = 4  # grants that end while it lasts, on each NSG
LIFE = 36  # seconds of the first of them; the others end two seconds after each other
WRITE = 0.4  # seconds that the cloud takes for one
PAUSE = 1  # seconds that it wants left in peace, each time that it throttles
BETWEEN = 1  # writes of an NSG between a grant's end and its closing: the one that is under way
IN_TIME = 10  # seconds: what was under way, and pauses that the cloud asks for; how many writes is what counts


def is_open_write(entry: dict[str, Any]) -> bool:
    return entry["method"] in ("PUT", "DELETE") and "-open-" in entry["path"].lower()


def test_closings_come_in_time_whatever_opens(team: Team, world: World) -> None:
    """With hundreds of requests before it, each end is kept: between it and its closing no more is written to the NSG
    than what was under way."""
    machines = [team.machine(packets=False) for _ in range(3)]
    limits = {"activePerRequester": 100, "active": 1000, "totalDuration": "24h"}
    ports = [{"port": 1000, "endPort": 1999, "protocol": "TCP"}]
    foreign = [team.rules(machine, own=False) for machine in machines]
    # One policy has 100 of each requester.
    policies = [team.policy(machine, name=machine.name, wait=False, ports=ports, limits=limits) for machine in machines]
    for policy in policies:
        policy.wait_condition("Ready", "True")
    before = world.lab.settings()
    world.lab.settings(throttling=False)
    numbers = itertools.count(1000)

    def ask(machine: Machine, user: str, seconds: int) -> Object:
        number = next(numbers)
        return team.request(
            machine, name=f"r-{number}", policy=machine.name, user=user, ports=[{"port": number, "protocol": "TCP"}],
            sources=[f"203.0.113.{number % 250}/32"], duration=f"{seconds}s",
        )

    try:
        ending = {machine: [ask(machine, "alice", LIFE + 2 * place) for place in range(ENDING)] for machine in machines}
        ended = {
            machine: [Ending(each.wait_state("Active")["status"]) for each in requests]
            for machine, requests in ending.items()
        }
        world.lab.settings(operationTime=f"{WRITE * 1000:.0f}ms", retryAfter="0s")
        throttle = {"kind": "throttle", "retryAfter": str(PAUSE)}
        team.lab.faults([
            {"match": {"method": "PUT", "path": "/securityRules/portcullis-.*-open-"}, "after": after, "times": 1,
             "action": throttle}
            for after in range(5, OPENINGS, 10)
        ])
        team.lab.forget_requests()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: ask(machines[number % 3], "carol", 600), range(OPENINGS)))
        for request in itertools.chain(*ending.values()):
            request.wait_state("Expired", timeout=LIFE + 30)
        assert_kept([entry for entry in team.lab.requests() if is_open_write(entry)], ended)
    finally:
        world.lab.settings(throttling=before["throttling"], operationTime=before["operationTime"],
                           retryAfter=before["retryAfter"])
        team.lab.faults([])
    for policy in policies:
        policy.delete()
    for policy in policies:
        policy.wait_gone(timeout=90)
    assert [team.rules(machine) for machine in machines] == foreign


class Ending:
    """A grant whose end comes in the storm, by its status when it was Active."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.end = parse_time(status["expiresAt"])
        [rule] = status["rules"]
        self.rule = rule["name"].lower()


def assert_kept(log: list[dict[str, Any]], ended: dict[Machine, list[Ending]]) -> None:
    """The log has all writes of open rules since the storm began."""
    throttled = [entry for entry in log if entry["status"] == 429]
    opened = [entry for entry in log if entry["method"] == "PUT" and entry["status"] < 300]
    assert len(throttled) >= 2 and len(opened) >= 20, f"it was no storm: {len(throttled)} of {len(log)} throttled"
    late, between = [], []
    for machine, grants in ended.items():
        writes = [entry for entry in log if f"/{machine.nsg}/" in entry["path"].lower()]
        puts = [parse_time(entry["time"]) for entry in writes if entry["method"] == "PUT"]
        assert max(puts) > max(grant.end for grant in grants), "the storm was over before they ended"
        for grant in grants:
            mine = [entry for entry in writes if entry["path"].lower().endswith(f"/{grant.rule}")]
            assert [entry["method"] for entry in mine] == ["DELETE"], mine
            closed = parse_time(mine[0]["time"])
            assert closed >= grant.end, "closed before its time"
            late.append(closed - grant.end)
            between.append(len([at for at in puts if grant.end < at < closed]))
    print(f"closings sent {[round(each, 2) for each in sorted(late)]} s late, behind {between} writes; "
          f"{len(throttled)} of {len(log)} writes throttled")
    assert max(between) <= BETWEEN, between
    assert max(late) <= IN_TIME, late
