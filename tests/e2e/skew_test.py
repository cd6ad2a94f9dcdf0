"""Clocks that are wrong: the node's and the cloud's. They are told, they stop openings, and no grant is longer for it."""

import os
import re
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from team import API, Object, Team, condition, parse_time
from world import assets
from world.lab import Lab
from world.operator import Operator
from world.process import wait_for
from world.world import World

LIFE = "38s"  # what has less than 30 s left is not opened any more
IN_TIME = 5


class Node:
    """The operator on a node whose clock the test sets; nobody else's clock changes."""

    def __init__(self, world: World, folder: Path) -> None:
        library = assets.build_directory() / "tests/portcullis_node_clock.so"
        assert library.is_file(), f"no {library}: build the target portcullis_node_clock"
        self.file = folder / "node-clock"
        self.set(0)
        self.operator: Operator = world.replica(
            "operator-on-a-node",
            # The identity of the one before it: it need not wait for the lease after a kill.
            ("--identity=e2e", "--inventory-period=3s"),
            {
                "LD_PRELOAD": str(library),
                "PORTCULLIS_NODE_CLOCK": str(self.file),
                # A sanitizer's library wants to be the first, but it need not be.
                "ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"))),
            },
        )

    def set(self, seconds: float) -> None:
        """How far the clock is ahead of the truth from now on."""
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", round(seconds * 1000)))


@pytest.fixture
def node(team: Team, world: World, tmp_path: Path) -> Iterator[Node]:
    """Takes the place of the world's operator."""
    assert world.operator.stop() == 0
    node = Node(world, tmp_path)
    node.operator.start()
    try:
        yield node
    except BaseException:
        print(node.operator.log())
        raise
    finally:
        node.operator.stop()
        world.lab.settings(dateSkew="0s")
        world.operator.start()


def clocks(world: World) -> dict[str, Any]:
    account = world.cluster.identity("admin").request("GET", f"{API}/cloudaccounts/prod").body
    return condition(account, "ClockSkewed")


def wait_clocks(world: World, status: str, words: str = "", timeout: float = 15) -> str:
    """Waits for what the account says of the clocks; its message."""

    def look() -> dict[str, Any] | None:
        found = clocks(world)
        return found if found.get("status") == status and re.search(words, found["message"]) else None

    try:
        found = wait_for(look, timeout, f"ClockSkewed={status} {words}", interval=0.15)
    except TimeoutError as error:
        raise AssertionError(f"{error}; it says {clocks(world)}") from None
    assert found["reason"] == {"True": "ClockSkew", "False": "ClocksAgree"}[status]
    return found["message"]


def assert_waits_for_clocks(team: Team, request: Object, words: str) -> None:
    ready = request.wait_condition("Ready", "False", "ClockSkew")
    assert re.search(words, ready["message"]), ready["message"]
    assert request.state == "Pending" and not team.verdict(request)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_nodes_wrong_clock_is_told_and_nothing_opens_until_it_is_set(
    team: Team, world: World, node: Node, seconds: int
) -> None:
    machine = team.machine()
    team.policy(machine)
    wait_clocks(world, "False")
    node.set(seconds)
    told = wait_clocks(world, "True", r"the clocks are (4m59s|5m|5m1s) apart \(5s are allowed, over 30s nothing is opened\)")
    assert "whoever runs the operator's node has to set it" in told
    # Both clocks, as they were when it was seen.
    said = {who: parse_time(date) for who, date in re.findall(r"(this machine|the API server|the cloud)\S* .*?(\S+Z)", told)}
    assert len(said) == 2 and abs(said.pop("this machine") - said.popitem()[1] - seconds) <= 2
    request = team.request(machine)
    assert_waits_for_clocks(team, request, r"this machine's clock \(e2e\) .*has to set it")
    assert not team.open_rules(machine)
    node.set(0)
    request.wait_state("Active")
    wait_clocks(world, "False")
    wait_for(lambda: told_of_clocks(world)[-2:] == ["ClockSkewed=True", "ClockSkewed=False"], 10, "Events of both")


def told_of_clocks(world: World) -> list[str]:
    """The Events of the account about clocks, oldest first."""
    events = world.cluster.identity("admin").request("GET", "/apis/events.k8s.io/v1/events").body["items"]
    mine = [each for each in events if each["action"].startswith("ClockSkewed")]
    return [event["action"] for event in sorted(mine, key=lambda event: event["eventTime"])]


@pytest.mark.parametrize("seconds", [-1800, 1800])
@pytest.mark.parametrize("restarts", [False, True])
def test_no_grant_is_longer_or_shorter_for_a_nodes_wrong_clock(
    team: Team, world: World, node: Node, seconds: int, restarts: bool
) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine, duration=LIFE)
    ends = parse_time(request.wait_state("Active")["status"]["expiresAt"])
    team.lab.forget_requests()
    if restarts:
        node.operator.kill9()
    node.set(seconds)
    if restarts:
        node.operator.start()
    wait_clocks(world, "True")
    status = request.wait_state("Expired", timeout=ends - time.time() + IN_TIME + 5)["status"]
    writes = team.writes(machine)
    assert [each["method"] for each in writes] == ["DELETE"]
    assert ends - 1 <= parse_time(writes[0]["time"]) <= ends + IN_TIME
    assert not team.open_rules(machine)
    assert abs(parse_time(status["closedAt"]) - time.time()) < 60  # not by the node's clock


def test_the_clouds_wrong_clock_is_told_and_over_half_a_minute_nothing_opens(
    team: Team, world: World, node: Node, lab: Lab
) -> None:
    lab.settings(dateSkew="-10s")
    machine, other = team.machine(), team.machine()
    team.policy(machine, other)
    told = wait_clocks(world, "True", r"the clocks are (9|10|11)s apart")
    assert f"the cloud's ({lab.arm}) says" in told and f"whoever runs {lab.arm} has to set it" in told
    team.request(machine).wait_state("Active")
    lab.settings(dateSkew="-2m")
    team.policy(team.machine(), name="second")  # locks are written all the same, and the date is heard
    wait_clocks(world, "True", r"the clocks are (1m59s|2m|2m1s) apart")
    request = team.request(other, name="second", user="carol")
    assert_waits_for_clocks(team, request, re.escape(lab.arm))
    assert not team.open_rules(other)
    lab.settings(dateSkew="0s")
    team.policy(team.machine(), name="third")
    wait_clocks(world, "False")
    request.wait_state("Active")
