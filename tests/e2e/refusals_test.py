"""What the cloud refuses: the rows of tests/corpus/refusals.yaml, side by side.

Whatever it is, nothing is open that was not proven open, closing is never given up and never silent, and when the
cloud gives in, all ends without anybody's doing.
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
from team import SUBSCRIPTION, Machine, Object, Scene, Team, condition
from world.process import wait_for
from world.world import World

TABLE = yaml.safe_load((table.HERE / "refusals.yaml").read_text())
ROWS: list[dict[str, Any]] = TABLE["rows"]
KEYS = {"refused", "during", "by", "lock", "role", "foreign", "open", "times", "state", "on", "reason", "says", "own", "writes"}
OVERDUE_GRACE = 30
NOBODY = "192.0.2.1"


def is_played_alone(row: dict[str, Any]) -> bool:
    """A throttled subscription sends no write of anybody's, and what lasts a while has to be seen while it lasts."""
    return "throttle" in str(row) or "slowOperation" in str(row)


def is_overdue(row: dict[str, Any]) -> bool:
    return row.get("state") == "Closing"


def of_row(row: dict[str, Any]) -> str:
    return row["refused"]


@dataclass
class Refusal(Scene):
    """One row's machine, NSG, policy and request."""

    lifted: bool = False
    seen: int = 0  # of the lab's log, when the refusing began

    @property
    def during(self) -> str:
        return self.row["during"]

    @property
    def group(self) -> str:
        return f"net-{self.number}" if self.row.get("lock", {}).get("scope") == "group" else "net"

    @property
    def group_id(self) -> str:
        return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{self.group}"

    @property
    def nsg_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.Network/networkSecurityGroups/{self.machine.nsg}"

    @property
    def source(self) -> str:
        """Of its own: of a grant whose machine is gone any rule for its source may be."""
        return f"203.0.113.{self.number + 20}"

    # --- what is refused ----------------------------------------------------------------------------------------

    def refusing(self) -> list[dict[str, Any]]:
        return self.faults(self.row.get("by", {}))

    def lock(self) -> None:
        if lock := self.row.get("lock"):
            scope = self.nsg_id if lock["scope"] == "nsg" else self.group_id
            self.team.lab.lock(scope, lock["level"], self.name)

    def denials(self) -> list[dict[str, str]]:
        return [
            {"action": f"Microsoft.Network/networkSecurityGroups/{right}", "scope": self.nsg_id}
            for right in self.row.get("role", [])
        ]

    def lift(self) -> None:
        """The cloud gives in; a role comes back with those of all."""
        for fault in self.refusing():
            self.team.lab.lift_fault(fault["id"])
        if "lock" in self.row:
            self.team.lab.unlock(self.name)
        if "foreign" in self.row:
            self.team.lab.delete_rule(self.group, self.machine.nsg, "rule-0")
        self.lifted = True

    # --- what is done ---------------------------------------------------------------------------------------------

    def ask(self) -> None:
        self.request = self.team.request(self.machine, name=self.name, policy=self.name, sources=[f"{self.source}/32"])

    def act(self) -> None:
        match self.during:
            case "lock":
                self.make_policy()
            case "open":
                if self.row["state"] == "Pending":
                    self.look_again()
                    self.policy.wait_condition("Locked", "False")
                self.ask()
            case "close":
                self.request.patch({"spec": {"revoke": True}}, user="alice")
            case "unlock":
                self.policy.delete()
            case "read":
                self.look_again()

    def look_again(self) -> None:
        """Whatever is said anew: all of it is read again."""
        if self.policy.get():
            gone = (404,) if self.during == "unlock" else ()
            self.policy.patch({"spec": {"maxAhead": f"{23 - self.lifted}h"}}, allowed=(200, *gone))

    # --- what is seen ---------------------------------------------------------------------------------------------

    def own(self) -> list[str]:
        rules = self.team.lab.rules(self.group, self.machine.nsg)
        ours = sorted((each["priority"], name, each) for name, each in rules.items() if name.startswith("portcullis-"))
        return [
            "inert" if each.get("sourceAddressPrefix", "").startswith(NOBODY) else name.split("-")[2]
            for _, name, each in ours
        ]

    def writes(self) -> list[str]:
        return [f"{entry['method']} {entry['status']}" for entry in self.team.writes(self.machine) if entry["seq"] > self.seen]

    def told_on(self) -> tuple[Object, str]:
        """The object and the condition that the row is about."""
        if self.during in ("lock", "read"):
            return self.policy, "Locked"
        if self.during == "unlock":
            return self.policy, "Ready"
        if self.during == "close":
            return self.request, "Overdue" if is_overdue(self.row) else "CleanupBlocked"
        return self.request, "Ready"


@dataclass
class Stage:
    team: Team
    scenes: dict[str, Refusal]  # by row
    healthy: Machine
    other: OtherServer
    began: float = field(default_factory=time.monotonic)

    def patience(self, seconds: float) -> float:
        """What is left of so many seconds since all began: none waits for what others have waited for already."""
        return max(5.0, self.began + seconds - time.monotonic())


@pytest.fixture(scope="module")
def stage(world: World) -> Iterator[Stage]:
    before = world.lab.settings()
    world.lab.settings(throttling=False)  # they are more than one team's
    team, other = Team(world, world.cluster.namespace("refusals")), OtherServer()
    account = Object(world, "", "cloudaccounts", "prod")
    healthy = team.machine()
    team.policy(healthy, name="healthy", wait=False, limits={"activePerRequester": 1, "totalDuration": "24h"})
    scenes = {row["refused"]: Refusal(row, team, other.address, number) for number, row in enumerate(ROWS)}
    account.patch({"spec": {"networkResourceGroups": sorted({scene.group for scene in scenes.values()} | {"net"})}})
    ready = [scene for scene in scenes.values() if scene.during != "lock"]
    for scene in ready:
        scene.make_policy()
    for scene in ready:
        scene.policy.wait_condition("Locked", "True", timeout=40)
    opened = [scene for scene in ready if scene.during == "close" or scene.row.get("open")]
    for scene in opened:
        scene.ask()
    for scene in opened:
        scene.request.wait_state("Active", timeout=40)
    seen = max(entry["seq"] for entry in team.lab.requests())
    together = [scene for scene in scenes.values() if not is_played_alone(scene.row)]
    team.lab.faults([fault for scene in together for fault in scene.refusing()])
    team.lab.denials(*[denial for scene in together for denial in scene.denials()])
    for scene in together:
        scene.lock()
        scene.seen = seen
    for scene in together:
        scene.act()
    yield Stage(team, scenes, healthy, other)
    team.lab.faults([])
    team.lab.lift()
    team.leave()
    account.patch({"spec": {"networkResourceGroups": ["net"]}})
    world.lab.settings(throttling=before["throttling"])
    other.close()


def open_and_close(stage: Stage, name: str) -> None:
    """What is none of the rows' business goes on."""
    request = stage.team.request(stage.healthy, name=name, policy="healthy", user="carol")
    request.wait_state("Active", timeout=30)
    request.patch({"spec": {"revoke": True}}, user="carol")
    request.wait_state("Revoked", timeout=30)
    assert not stage.team.open_rules(stage.healthy)


def test_the_table_holds_what_it_promises() -> None:
    assert len(ROWS) >= TABLE["least"]
    assert len({of_row(row) for row in ROWS}) == len(ROWS)
    assert {key for row in ROWS for key in row} <= KEYS
    # Whatever is refused on opening fails closed, and on closing somebody is told.
    for row in ROWS:
        assert row["during"] != "open" or row["state"] == "Active" or "open" not in row["own"] or "keepsEffect" in str(row) \
            or "slowOperation" in str(row), row["refused"]
        assert row["during"] != "close" or row["state"] == "Revoked" or row["says"], row["refused"]


def test_others_open_and_close_meanwhile(stage: Stage) -> None:
    open_and_close(stage, "meanwhile")


def order_of(row: dict[str, Any]) -> tuple[bool, bool]:
    """What is over by itself comes first, what is overdue only in half a minute later, what is played alone last."""
    return is_played_alone(row), is_overdue(row)


@pytest.mark.parametrize("row", sorted(ROWS, key=order_of), ids=of_row)
def test_it_is_seen_what_is_refused(stage: Stage, row: dict[str, Any]) -> None:
    scene = stage.scenes[of_row(row)]
    if is_played_alone(row):
        scene.seen = max(entry["seq"] for entry in stage.team.lab.requests())
        stage.team.lab.faults(scene.refusing())  # those of all others are over
        scene.act()
        wait_until_told(scene, 40)
    else:
        wait_until_told(scene, stage.patience(OVERDUE_GRACE + 15 if is_overdue(row) else 25))
    if row.get("reason") == "Opening":  # said from the verdict on, which is before anything is written
        wait_for(scene.writes, 10, "a write", interval=0.1)
    own = scene.own()
    assert own == row["own"], own
    least, most = row["writes"]
    assert least <= len(scene.writes()) <= most, scene.writes()
    if scene.request:
        # Open is said of what is open, and closed of what is closed: by NSG rules, and by the packets themselves.
        is_open = stage.team.lab.connect(scene.source, scene.machine.name, 22)["allowed"]
        assert scene.request.state != "Active" or is_open
        assert scene.request.state not in ("Revoked", "Expired") or not is_open or "comes back" in row["refused"]
    scene.lift()


def wait_until_told(scene: Refusal, timeout: float) -> None:
    row = scene.row
    if "reason" not in row and not is_overdue(row):
        if scene.request and scene.during != "read":
            scene.request.wait_state(row["state"], timeout=timeout)
        elif scene.during == "unlock":
            scene.policy.wait_gone(timeout)
        else:
            scene.policy.wait_condition("Locked", "True", timeout=timeout)
        return
    about, kind = scene.told_on()
    reason = "Overdue" if is_overdue(row) else row["reason"]
    status = "True" if kind in ("Overdue", "CleanupBlocked") else "False"

    def told() -> dict[str, Any] | None:
        seen = about.get()
        found = condition(seen, kind)
        fits = (found.get("status"), found.get("reason")) == (status, reason)
        fits = fits and all(words in found["message"] for words in scene.says())
        return found if fits and row.get("state") in (None, (seen.get("status") or {}).get("state")) else None

    try:
        found = wait_for(told, timeout, "it is told", interval=0.2)
    except TimeoutError:
        status_then = json.dumps(about.get().get("status"), indent=1)
        raise AssertionError(f"wanted {kind} {reason} with {scene.says()}; it is {status_then}") from None
    assert len(found["message"]) < 1000 and found["message"].isprintable()


def test_nobody_else_was_asked(stage: Stage) -> None:
    assert not stage.other.was_asked()


def test_it_is_over_when_the_cloud_gives_in(stage: Stage) -> None:
    stage.team.lab.faults([])
    stage.team.lab.lift()
    scenes = list(stage.scenes.values())
    for scene in scenes:
        scene.lifted = True
        scene.look_again()  # not to wait for the next try
    for scene in scenes:
        match scene.during:
            case "unlock":
                scene.policy.wait_gone(45)
                wait_for(lambda: not scene.own(), 45, f"nothing of {scene.row['refused']} left", interval=0.2)
            case "lock" | "read":
                scene.policy.wait_condition("Locked", "True", timeout=45)
            case "open":
                scene.request.wait_state("Active", timeout=45)
                assert scene.own() == ["open", "lock"]
            case "close":
                scene.request.wait_state("Revoked", timeout=45)
                wait_for(lambda: scene.own() == ["lock"], 45, f"nothing of {scene.row['refused']} left", interval=0.2)
                if scene.row.get("own")[0] == "inert":
                    scene.request.wait_condition("CleanupBlocked", "False", "Removed", timeout=10)
    for scene in scenes:
        if scene.row.get("open"):
            assert scene.request.state == "Active" and scene.own() == ["open", "lock"]


def test_others_still_open_and_close(stage: Stage) -> None:
    open_and_close(stage, "afterwards")
