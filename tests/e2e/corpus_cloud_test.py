"""What a broken, strange or hostile cloud answers: the cases of tests/corpus/cloud.yaml, side by side.

None of them stops anybody else, and each is over when the cloud answers as it should.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from corpus import table
from other_server import OtherServer
from team import SUBSCRIPTION, Machine, Object, Scene, Team
from world.process import wait_for
from world.world import World

TABLE = yaml.safe_load((table.HERE / "cloud.yaml").read_text())
CASES = [case for case in TABLE["cases"] if "account" not in case]
OF_THE_ACCOUNT = [case for case in TABLE["cases"] if "account" in case]
KEYS = {"cloud", "answers", "when", "locked", "says", "state", "writes", "foreign", "policy", "account", "ready"}


def of_case(value: Any) -> str:
    return value["cloud"]


@dataclass
class Trouble(Scene):
    """One case's machine, group and policy."""

    @property
    def when(self) -> str:
        return self.row.get("when", "new")

    def make(self) -> None:
        self.make_policy(**self.row.get("policy", {}))

    def writes(self) -> list[dict[str, Any]]:
        return self.team.writes(self.machine)


@dataclass
class Stage:
    team: Team
    healthy: Machine
    other: OtherServer
    scenes: dict[str, Trouble]  # by case
    began: float = field(default_factory=time.monotonic)

    def patience(self, seconds: float = 30) -> float:
        """What is left of so many seconds since all began: none waits for what others have waited for already."""
        return max(4.0, self.began + seconds - time.monotonic())


def open_and_close(team: Team, machine: Machine, name: str) -> None:
    """What is none of the case's business goes on."""
    request = team.request(machine, name=name, policy="healthy", user="carol")
    request.wait_state("Active", timeout=30)
    request.patch({"spec": {"revoke": True}}, user="carol")
    request.wait_state("Revoked", timeout=30)
    assert not team.open_rules(machine)


@pytest.fixture(scope="module")
def stage(world: World) -> Iterator[Stage]:
    """All cases at once; they are in the state that is judged when nobody has anything left to do at once."""
    before = world.lab.settings()
    world.lab.settings(throttling=False)  # they are more than one team's
    team, other = Team(world, world.cluster.namespace("corpus-cloud")), OtherServer()
    healthy = team.machine()
    team.policy(healthy, name="healthy", limits={"activePerRequester": 1, "totalDuration": "24h"})
    scenes = {case["cloud"]: Trouble(case, team, other.address, number) for number, case in enumerate(CASES)}
    for scene in scenes.values():
        if scene.when != "new":
            scene.make()
    for scene in scenes.values():
        if scene.when != "new":
            scene.policy.wait_condition("Locked", "True", timeout=40)
        if scene.when == "open":
            scene.request = team.request(scene.machine, name=scene.name, policy=scene.name)
    for scene in scenes.values():
        if scene.request:
            scene.request.wait_state("Active", timeout=40)
    team.lab.faults([fault for scene in scenes.values() for fault in scene.faults(scene.row.get("answers", {}))])
    for scene in scenes.values():
        if scene.when == "new":
            scene.make()
        elif scene.when == "locked":
            scene.policy.patch({"spec": {"maxAhead": "23h"}})  # whatever it is: all is read again
        else:
            scene.request.patch({"spec": {"revoke": True}}, user="alice")
    yield Stage(team, healthy, other, scenes)
    team.lab.faults([])
    team.leave()
    world.lab.settings(throttling=before["throttling"])
    other.close()


def test_the_table_holds_what_it_promises() -> None:
    assert len(TABLE["cases"]) >= TABLE["least"]
    names = [case["cloud"] for case in TABLE["cases"]]
    assert len(set(names)) == len(names)
    assert {key for case in TABLE["cases"] for key in case} <= KEYS


def test_others_open_and_close_meanwhile(stage: Stage) -> None:
    open_and_close(stage.team, stage.healthy, "meanwhile")


@pytest.mark.parametrize("case", [case for case in CASES if case.get("when") != "open"], ids=of_case)
def test_the_policy_says_what_the_cloud_answers(stage: Stage, case: dict[str, Any]) -> None:
    scene = stage.scenes[case["cloud"]]
    reason = case["locked"]
    locked = "True" if reason == "Locked" else "False"

    def told() -> dict[str, Any] | None:
        condition = scene.policy.condition("Locked")
        fits = (condition.get("status"), condition.get("reason")) == (locked, reason)
        return condition if fits and all(words in condition["message"] for words in scene.says()) else None

    try:
        condition = wait_for(told, stage.patience(), "it is told", interval=0.2)
    except TimeoutError:
        raise AssertionError(f"wanted {reason} with {scene.says()}; it is {scene.policy.condition('Locked')}") from None
    assert len(condition["message"]) < 1000 and condition["message"].isprintable()
    writes = [f"{entry['method']} {entry['status']}" for entry in scene.writes()]
    if case.get("writes") != "any":
        assert len(writes) == case.get("writes", 1 if scene.when == "locked" else 0), writes


@pytest.mark.parametrize("case", [case for case in CASES if case.get("when") == "open"], ids=of_case)
def test_closed_is_said_when_it_is_seen(stage: Stage, case: dict[str, Any]) -> None:
    scene = stage.scenes[case["cloud"]]
    status = scene.request.wait_state(case["state"], timeout=stage.patience())["status"]
    assert bool(stage.team.open_rules(scene.machine)) == (case["state"] == "Closing")
    for words in scene.says():
        wait_for(lambda: words in scene.request.status["message"], 20, f"{words} in {status}", interval=0.2)


def test_others_still_open_and_close(stage: Stage) -> None:
    open_and_close(stage.team, stage.healthy, "after-all-was-read")


def test_nobody_else_was_asked(stage: Stage) -> None:
    assert not stage.other.was_asked()


def test_it_is_over_when_the_cloud_answers_as_it_should(stage: Stage) -> None:
    stage.team.lab.faults([])
    scenes = [scene for scene in stage.scenes.values() if "foreign" not in scene.row]  # those are full for good
    for scene in scenes:
        scene.policy.patch({"spec": {"maxAhead": "22h"}})  # not to wait for the next try
    for scene in scenes:
        scene.policy.wait_condition("Locked", "True", timeout=45)
        if scene.request:
            scene.request.wait_state("Revoked", timeout=45)
            assert not stage.team.open_rules(scene.machine)


@pytest.mark.parametrize("case", OF_THE_ACCOUNT, ids=of_case)
def test_the_account_says_what_the_cloud_answers(stage: Stage, case: dict[str, Any]) -> None:
    team = stage.team
    account = Object(team.world, "", "cloudaccounts", "prod")
    paths = {"subscription": rf"/subscriptions/{SUBSCRIPTION}\?", "groups": r"/networkSecurityGroups\?"}
    text = json.dumps(case["account"]).replace("BASE", team.lab.arm).replace("OTHER", stage.other.address)
    team.lab.faults([
        {"match": {"method": "GET", "path": paths[asked]}, "times": -1, "action": action}
        for asked, action in json.loads(text).items()
    ])
    seen = len(team.lab.requests())
    look(account, "Report")
    wait_for(lambda: any("fault" in entry for entry in team.lab.requests()[seen:]), 60, "the cloud is asked")
    ready = account.wait_condition("Ready", "True" if case["ready"] == "Ready" else "False", case["ready"])
    for words in case.get("says", []):
        assert words.replace("OTHER", stage.other.address) in ready["message"], ready["message"]
    open_and_close(team, stage.healthy, f"account-{OF_THE_ACCOUNT.index(case)}")
    assert not stage.other.was_asked()
    team.lab.faults([])
    look(account, "Delete")
    account.wait_condition("Ready", "True", "Ready")


def look(account: Object, orphans: str) -> None:
    """Any change of its spec has the operator read the account again; there are no orphans here."""
    account.patch({"spec": {"orphans": orphans}})
