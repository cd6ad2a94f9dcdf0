"""A window in the future: nothing before it, the requester asked about again when it begins, open for its whole length."""

import time
from datetime import UTC, datetime

from team import Team, parse_time
from world.process import wait_for


def in_seconds(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_window_opens_at_its_start_and_not_before(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    start = in_seconds(6)
    request = team.request(machine, startAt=start, duration="40s")
    request.wait_state("Scheduled")
    assert not team.open_rules(machine)
    status = request.wait_state("Active", timeout=15)["status"]
    assert parse_time(start) <= parse_time(status["openedAt"]) <= parse_time(start) + 5
    assert parse_time(status["expiresAt"]) == parse_time(start) + 40
    # A restart in the middle asks again, and leaves the rule as it is meanwhile.
    rules = team.open_rules(machine)
    team.lab.forget_requests()
    team.world.operator.restart()
    wait_for(lambda: request.status.get("conditions"), 10, "a status")
    time_left = parse_time(status["expiresAt"]) - time.time()
    assert time_left > 5 and team.open_rules(machine) == rules and not team.writes(machine)


def test_who_lost_the_right_before_the_window_gets_nothing(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine, startAt=in_seconds(8), duration="40s")
    request.wait_state("Scheduled")
    team.kubectl("admin", "delete", "rolebinding", "requesters")
    request.wait_state("Revoked", timeout=20)
    assert request.condition("Ready")["reason"] == "NotAuthorized"
    assert not team.open_rules(machine)
