"""Start, stop, and start again: without a trace where nothing changed, and with one clear line where it cannot."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from team import API, Team
from world import assets
from world.lab import Lab
from world.process import wait_for
from world.world import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, World

KINDS = ("cloudaccounts", "jitpolicies", "accessrequests", "accessverdicts")


def versions(world: World) -> dict[str, str]:
    """The resourceVersion of every object of ours, and how many Events there are."""
    admin = world.cluster.identity("admin")
    found = {}
    for kind in KINDS:
        for item in admin.request("GET", f"{API}/{kind}").body["items"]:
            found[f"{kind}/{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"] = item["metadata"][
                "resourceVersion"
            ]
    found["events"] = str(len(admin.request("GET", "/apis/events.k8s.io/v1/events").body["items"]))
    return found


def settle(world: World, seconds: float = 3) -> dict[str, str]:
    """Waits until no object has changed and nothing was written for some seconds; what there is then."""
    last, since = versions(world), time.monotonic()
    deadline = since + 60
    while time.monotonic() - since < seconds:
        assert time.monotonic() < deadline, "objects keep changing although nobody does anything"
        time.sleep(0.5)
        now = versions(world)
        if now != last:
            last, since = now, time.monotonic()
    return last


@pytest.mark.parametrize("end", ["killed", "terminated"])
def test_a_restart_with_nothing_changed_writes_nothing_anywhere(team: Team, world: World, end: str) -> None:
    machine, other = team.machine(ipv6=True), team.machine()
    port = {"exceptions": [{"sources": ["10.9.0.0/28"], "reason": "bastion"}]}
    team.policy(machine, other, port=port)
    team.policy(other, name="audit", enforcement="Audit")
    team.policy(team.machine(), name="approved", approval={"required": 1})
    active = team.request(machine, duration="30m")
    active.wait_state("Active")
    done = team.request(other, user="carol", name="done")
    done.wait_state("Active")
    done.patch({"spec": {"revoke": True}}, user="carol")
    done.wait_state("Revoked")
    team.request(machine, name="refused", user="carol", duration="9h").wait_state("Denied")
    waiting = team.request(team.machines[2], name="waiting", policy="approved")
    wait_for(lambda: waiting.condition("Ready").get("reason") == "ApprovalRequired", 10, "waiting")
    before = settle(world)
    if end == "killed":
        world.operator.kill9()
    else:
        assert world.operator.stop() == 0
    team.lab.forget_requests()
    world.operator.start()
    # It has looked at everything again when it has read both NSGs and come to rest.
    for each in (machine, other):
        wait_for(lambda each=each: team.requests(each), 20, f"{each.nsg} read")
    after = settle(world)
    assert after == before
    assert team.lab.writes() == []
    assert active.state == "Active" and len(team.open_rules(machine)) == 1


def test_sigterm_ends_it_with_status_zero_within_ten_seconds(team: Team, world: World) -> None:
    started = time.monotonic()
    assert world.operator.stop() == 0
    assert time.monotonic() - started < 10
    assert "exit_code=0" in world.operator.process.tail(1)


def test_sigterm_in_the_middle_of_a_write_ends_in_time_and_the_next_one_finishes_it(team: Team, world: World) -> None:
    machine = team.machine()
    team.policy(machine)
    match = {"method": "PUT", "path": f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"}
    team.lab.faults([{"match": match, "times": 1, "action": {"kind": "slowOperation", "seconds": 20}}])
    request = team.request(machine)
    wait_for(lambda: any("-open-" in each["path"] for each in team.writes(machine)), 15, "the rule sent")
    started = time.monotonic()
    assert world.operator.stop() == 0
    assert time.monotonic() - started < 10
    assert request.state != "Active"
    team.lab.faults([])
    world.operator.start()
    request.wait_state("Active", timeout=40)
    assert len(team.open_rules(machine)) == 1


def test_the_lease_is_given_back_so_that_the_next_one_starts_at_once(team: Team, world: World) -> None:
    assert world.operator.stop() == 0
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{OPERATOR_NAMESPACE}/leases/portcullis"
    admin = world.cluster.identity("admin")
    assert admin.request("GET", lease).body["spec"].get("holderIdentity", "") == ""
    world.operator.start()
    assert admin.request("GET", lease).body["spec"]["holderIdentity"] == "e2e"


# --- what it cannot start with --------------------------------------------------------------------------------


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def wrong_token(folder: Path, world: World, lab: Lab) -> Path:
    """The operator's kubeconfig, with a token that nobody issued."""
    user = world.cluster.identity(f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}")
    text = user.kubeconfig.read_text()
    token = write(folder, "token", "eyJhbGciOiJSUzI1NiJ9.e30.bm9ib2R5")
    return write(folder, "kubeconfig", re.sub(r"tokenFile: .*", f"tokenFile: {token}", text))


def good(world: World) -> Path:
    return world.cluster.identity(f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR_ACCOUNT}").kubeconfig


Bad = Callable[[Path, World, Lab], list[str]]
# What is given, the exit code of src/app/options.hpp, and words of the line that tells.
BROKEN: dict[str, tuple[Bad, int, tuple[str, ...]]] = {
    "an unknown flag": (lambda f, w, lab: ["--no-such-flag"], 2, ("--no-such-flag",)),
    "no duration": (lambda f, w, lab: ["--lease-duration=soon"], 2, ("--lease-duration", "soon", "15s")),
    "a lease shorter than its renewal": (
        lambda f, w, lab: ["--lease-duration=5s"], 2, ("--lease-duration", "5s", "--renew-deadline", "10s")),
    "a lease too short to write under": (
        lambda f, w, lab: ["--lease-duration=12s"], 2, ("--lease-duration", "12s", "13s", "--retry-period", "2s")),
    "an instance that is none": (lambda f, w, lab: ["--instance=PROD"], 2, ("--instance", "PROD", "eight")),
    "an endpoint without TLS": (
        lambda f, w, lab: ["--azure-arm-endpoint=http://127.0.0.1"], 2, ("--azure-arm-endpoint", "https://")),
    "a kubeconfig that is not there": (
        lambda f, w, lab: [f"--kubeconfig={f / 'none'}"], 3, ("none", "no such file")),
    "a kubeconfig that is no YAML": (
        lambda f, w, lab: [f"--kubeconfig={write(f, 'config', 'clusters: [')}"], 3, ("config", "line 1")),
    "a context that is not there": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", "--context=nowhere"], 3, ("nowhere",)),
    "a CA that is not there": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-ca-file={f / 'ca'}"], 3, ("--azure-ca-file",)),
    "a CA that is no certificate": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-ca-file={write(f, 'ca', 'hello')}"],
        3, ("--azure-ca-file", "certificate")),
    "a CA that is empty": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-ca-file={write(f, 'ca', '')}"],
        3, ("--azure-ca-file", "is empty")),
    "a secret that is empty": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-client-secret-file={write(f, 'secret', '')}"],
        3, ("--azure-client-secret-file", "is empty")),
    "a secret that is a folder": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-client-secret-file={f}"],
        3, ("--azure-client-secret-file", "is a directory")),
    "a secret that is not there": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--azure-client-secret-file={f / 'secret'}"],
        3, ("--azure-client-secret-file",)),
    "no address to listen on": (
        lambda f, w, lab: ["--health-listen=8081"], 2, ("--health-listen", "8081", "127.0.0.1:8081")),
    "a port for health that is taken": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", f"--health-listen=127.0.0.1:{w.operator.port('health')}"],
        3, ("--health-listen", "127.0.0.1", "Address already in use")),
    "a port for metrics that is taken": (
        lambda f, w, lab: [f"--kubeconfig={good(w)}", "--health-listen=127.0.0.1:0",
                           f"--metrics-listen=127.0.0.1:{w.operator.port('metrics')}"],
        3, ("--metrics-listen", "127.0.0.1", "Address already in use")),
    "a token that nobody issued": (
        lambda f, w, lab: [f"--kubeconfig={wrong_token(f, w, lab)}"], 4, ("Unauthorized", "https://127.0.0.1", "credential")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_it_cannot_start_with_is_told_in_one_line_and_an_exit_code(
    what: str, tmp_path: Path, world: World, lab: Lab
) -> None:
    flags, code, words = BROKEN[what]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PORTCULLIS_")}
    run = subprocess.run(
        [assets.binary("portcullis"), "operator", *flags(tmp_path, world, lab)],
        text=True, capture_output=True, timeout=20, env=environment | {"HOME": str(tmp_path)},
    )
    assert run.returncode == code, run.stderr
    lines = (run.stdout + run.stderr).splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]
