"""`portcullis reap` as shipped against the lab alone: the operator is gone, and so is Kubernetes."""

import itertools
import json
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from world import assets, cleanup
from world.certificates import write_private
from world.lab import Lab
from world.process import wait_for

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
TENANT = "22222222-2222-4222-8222-222222222222"
CLIENT = "33333333-3333-4333-8333-333333333333"
DONE, USAGE, FILE, REFUSED, LEFT, UNKNOWN = 0, 2, 3, 4, 6, 7
HOUR = 3600
MINE, OTHER = "deadbeef", "alive123"
_number = itertools.count(1)


@pytest.fixture(autouse=True)
def operator_log_from_here() -> None:
    """Takes the place of the one that would start a whole world: there is none here."""


@dataclass
class Answer:
    status: int
    out: str
    err: str

    def lines(self, outcome: str) -> list[str]:
        return [line for line in self.out.splitlines() if line.split()[0] == outcome]

    @property
    def conclusion(self) -> str:
        return self.out.splitlines()[-1]


class Scene:
    """A cloud with one NSG, net/nsg, and the command."""

    def __init__(self, lab: Lab, secret: str) -> None:
        self.lab = lab
        self.secret_file = write_private(cleanup.temporary_folder("reap") / "secret", secret.encode())

    def put(self, kind: str, left: float = 0, instance: str = MINE, description: str | None = None) -> str:
        """A rule as an operator would have left it; its name."""
        number = next(_number)
        name = f"portcullis-{instance}-{kind}-{number:020d}"
        until = datetime.fromtimestamp(time.time() + left, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        mark = "owner=abcdefghijklmnop" if kind in ("lock", "keep") else f"until={until}"
        self.lab.put_rule("net", "nsg", name, {
            "priority": 200 + number, "direction": "Inbound", "protocol": "Tcp",
            "access": "Allow" if kind in ("open", "keep") else "Deny",
            "sourcePortRange": "*", "destinationPortRange": "22",
            "sourceAddressPrefix": "*" if kind == "lock" else "203.0.113.7",
            "destinationAddressPrefix": "10.1.0.4",
            "description": f"portcullis/v1 {kind} {mark}" if description is None else description,
        })
        return name

    def rules(self) -> dict[str, dict[str, Any]]:
        return self.lab.rules("net", "nsg")

    def command(self, *flags: str, secret_file: Path | None = None) -> list[str]:
        return [
            str(assets.binary("portcullis")), "reap", f"--subscription={SUBSCRIPTION}", f"--tenant={TENANT}",
            "--credential=client-secret", f"--client-id={CLIENT}",
            f"--azure-client-secret-file={secret_file or self.secret_file}",
            f"--azure-arm-endpoint={self.lab.arm}", f"--azure-login-endpoint={self.lab.login}",
            f"--azure-ca-file={self.lab.ca}", *flags,
        ]

    def reap(self, *flags: str, secret_file: Path | None = None) -> Answer:
        done = subprocess.run(self.command(*flags, secret_file=secret_file), capture_output=True, text=True, timeout=60)
        return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def cloud() -> Iterator[tuple[Lab, str]]:
    secret = secrets.token_hex(16)
    seed = {
        "subscription": SUBSCRIPTION, "tenant": TENANT,
        "credentials": [{"clientID": CLIENT, "secret": secret}],
        "settings": {"operationTime": "50ms", "retryAfter": "1s"},
        "nsgs": [{"resourceGroup": "net", "name": "nsg", "rules": []},
                 {"resourceGroup": "web", "name": "nsg-web", "rules": []}],
        "resourceGroups": ["empty"],
    }
    with Lab(seed) as lab:
        yield lab, secret


@pytest.fixture
def scene(cloud: tuple[Lab, str]) -> Iterator[Scene]:
    lab, secret = cloud
    lab.put_group("net", "nsg", [{"name": "allow-ssh", "priority": 4000, "access": "Allow", "ports": 22}])
    lab.forget_requests()
    yield Scene(lab, secret)
    lab.lift()
    lab.faults([])
    lab.settings(dateSkew="0s", operationTime="50ms")


def test_the_overdue_go_and_nothing_else(scene: Scene):
    over, also_over = scene.put("open", -2 * HOUR), scene.put("open", -60, instance=OTHER)
    shut = scene.put("shut", -60, instance="shutters")
    stay = {
        scene.put("open", HOUR): "kept",
        scene.put("open", -HOUR, description="mine, do not touch"): "unreadable",
        scene.put("open", -HOUR, description="portcullis/v1 open until=tomorrow"): "unreadable",
        scene.put("lock"): "", scene.put("keep"): "",
    }
    foreign = scene.rules()["allow-ssh"]
    answer = scene.reap()
    assert set(scene.rules()) == {"allow-ssh", *stay}
    assert scene.rules()["allow-ssh"] == foreign
    assert [line.split()[1:3] for line in answer.lines("removed")] == [
        ["net/nsg", name] for name in sorted((over, also_over, shut))
    ]
    for name, outcome in stay.items():
        assert [line.split()[0] for line in answer.out.splitlines() if name in line] == [outcome] * bool(outcome)
    assert f"read 2 security groups in subscription {SUBSCRIPTION} (whatever this credential sees)" in answer.out
    # Two rules have no readable end and let somebody in: nobody can say that nothing overdue is left.
    assert answer.status == UNKNOWN
    assert "3 removed, 2 unreadable, 3 kept (2 of these locks and exceptions); NOT SURE" in answer.conclusion
    paths = {entry["path"].split("?")[0] for entry in scene.lab.writes()}
    assert all("/securityRules/portcullis-" in path for path in paths) and len(paths) == 3


def test_when_nothing_overdue_is_left_it_says_so_and_ends_with_zero(scene: Scene):
    scene.put("open", -60)
    assert scene.reap().status == DONE
    again = scene.reap("--output=json")
    assert again.status == DONE
    document = json.loads(again.out)
    assert document["rules"] == [] and document["exitCode"] == DONE and document["securityGroupsRead"] == 2
    assert document["conclusion"] == "nothing overdue is left in what was read"


def test_a_dry_run_changes_nothing(scene: Scene):
    over = scene.put("open", -60)
    answer = scene.reap("--dry-run")
    assert answer.status == LEFT
    assert [line.split()[2] for line in answer.lines("would-remove")] == [over]
    assert over in scene.rules() and scene.lab.writes() == []


def test_a_dead_instance_is_cleared_by_two_more_flags(scene: Scene):
    live, shut, lock, keep = (scene.put(kind, HOUR) for kind in ("open", "shut", "lock", "keep"))
    others = {scene.put("open", HOUR, OTHER), scene.put("lock", instance=OTHER)}
    for flags in (["--all"], ["--locks"]):
        refused = scene.reap(*flags)
        assert refused.status == USAGE and "needs --instance" in refused.err
    mine = f"--instance={MINE}"
    assert scene.reap(mine).status == DONE
    assert {live, shut, lock, keep} <= set(scene.rules())
    assert scene.reap(mine, "--all").status == DONE
    assert {lock, keep} <= set(scene.rules()) and not {live, shut} & set(scene.rules())
    scene.lab.forget_requests()
    assert scene.reap(mine, "--all", "--locks").status == DONE
    assert set(scene.rules()) == {"allow-ssh", *others}
    deleted = [entry["path"].split("/securityRules/")[1].split("?")[0] for entry in scene.lab.writes()]
    assert deleted == [lock, keep]


def test_what_a_lock_forbids_to_delete_lets_nobody_in_any_more(scene: Scene):
    over = scene.put("open", -60)
    scene.lab.lock(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net")
    for _ in range(2):  # it stays so, and stays right
        answer = scene.reap()
        assert answer.status == DONE, answer
        assert [line.split()[2] for line in answer.lines("inert")] == [over]
        rule = scene.rules()[over]
        assert (rule["access"], rule["sourceAddressPrefix"]) == ("Deny", "192.0.2.1/32")
    assert "ScopeLocked" in answer.out
    scene.lab.lift()
    assert scene.reap().status == DONE
    assert over not in scene.rules()


def test_what_may_not_even_be_changed_is_left_and_said(scene: Scene):
    over = scene.put("open", -60)
    scene.lab.lock(f"/subscriptions/{SUBSCRIPTION}", "ReadOnly")
    answer = scene.reap()
    assert answer.status == LEFT
    assert "ScopeLocked" in answer.lines("left")[0] and over in answer.lines("left")[0]
    assert "NOT DONE" in answer.conclusion


@pytest.mark.parametrize(
    "fault",
    [
        {"match": {"method": "DELETE"}, "times": 2, "action": {"kind": "throttle", "retryAfter": "1"}},
        {"match": {"method": "DELETE"}, "action": {"kind": "lostAnswer"}},
        {"match": {"method": "DELETE"}, "action": {"kind": "failOperation"}},
        {"match": {"method": "GET"}, "times": 3, "action": {"kind": "status", "status": 503}},
    ],
    ids=lambda fault: fault["action"]["kind"],
)
def test_what_passes_is_waited_for(scene: Scene, fault: dict[str, Any]):
    over = scene.put("open", -60)
    scene.lab.faults([fault])
    answer = scene.reap("--timeout=50s")
    assert answer.status == DONE, answer
    assert over not in scene.rules()


def test_what_does_not_pass_ends_with_the_time(scene: Scene):
    over = scene.put("open", -60)
    refusal = {"kind": "status", "status": 503, "body": {"error": {"code": "ServiceUnavailable", "message": "no"}}}
    scene.lab.faults([{"match": {"method": "DELETE"}, "times": -1, "action": refusal}])
    began = time.monotonic()
    answer = scene.reap("--timeout=3s")
    assert time.monotonic() - began < 12
    assert answer.status == LEFT
    assert over in answer.lines("left")[0] and "ServiceUnavailable" in answer.lines("left")[0]
    assert "stopped after 3s (--timeout)" in answer.out


@pytest.mark.parametrize("skew", ["-1h", "1h"])
def test_nothing_goes_where_clocks_disagree(scene: Scene, skew: str):
    """The lab's Date is an hour off, which to the program is the same as a wrong wall clock."""
    certain = scene.put("open", -2 * HOUR)
    between = scene.put("open", -HOUR / 2 if skew.startswith("-") else HOUR / 2)
    live = scene.put("open", 2 * HOUR)
    scene.lab.settings(dateSkew=skew)
    answer = scene.reap()
    assert set(scene.rules()) == {"allow-ssh", between, live}
    assert answer.status == UNKNOWN
    assert certain in answer.lines("removed")[0] and live in answer.lines("kept")[0]
    assert between in answer.lines("doubtful")[0] and "set this machine's clock" in answer.lines("doubtful")[0]


def test_a_wrong_secret_is_told_and_not_shown(scene: Scene, tmp_path: Path):
    over = scene.put("open", -60)
    wrong = write_private(tmp_path / "secret", b"hunter2-hunter2")
    answer = scene.reap(secret_file=wrong)
    assert answer.status == REFUSED
    assert "AADSTS7000215" in answer.out and "refuses the credential" in answer.conclusion
    assert "hunter2" not in answer.out + answer.err
    assert over in scene.rules()
    missing = scene.reap(secret_file=tmp_path / "none")
    assert missing.status == FILE and "--azure-client-secret-file" in missing.err


def test_what_the_credential_does_not_see_is_no_all_clear(scene: Scene):
    scene.put("open", -60)
    nsg = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/nsg"
    scene.lab.deny("Microsoft.Network/networkSecurityGroups/read", nsg)
    assert "read 1 security group in" in scene.reap().out  # ARM leaves it out without a word: so we say what was seen
    for name in ("empty", "tpyo"):
        answer = scene.reap("--resource-group=web", f"--resource-group={name}")
        assert answer.status == UNKNOWN
        assert f"in resource group {name} no security group is visible" in answer.out
    assert scene.reap("--resource-group=WEB").status == DONE


def test_only_the_named_resource_groups_are_touched(scene: Scene):
    over = scene.put("open", -60)
    answer = scene.reap("--resource-group=web")
    assert answer.status == DONE and "(resource groups web)" in answer.out
    assert over in scene.rules()
    assert scene.reap("--resource-group=web", "--resource-group=Net", "--resource-group=net").status == DONE
    assert over not in scene.rules()


def test_ctrl_c_begins_nothing_new_and_says_what_is_left(scene: Scene):
    first, second = scene.put("open", -60), scene.put("open", -60)
    scene.lab.settings(operationTime="2s")
    process = subprocess.Popen(scene.command(), stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: scene.lab.requests("DELETE"), 20, "a DELETE at the lab")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=12)
    finally:
        process.kill()
        process.wait()
    answer = Answer(process.returncode, out, "")
    assert answer.status == LEFT
    assert [line.split()[2] for line in answer.lines("removed")] == [first]
    assert [line.split()[2] for line in answer.lines("left")] == [second]
    assert "stopped by a signal before the end" in out
    assert len(scene.lab.requests("DELETE")) == 1 and second in scene.rules()
