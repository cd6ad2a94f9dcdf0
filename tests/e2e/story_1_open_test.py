"""Open a port for me, now."""

import json
import time

from team import Team, parse_time
from world.connect import CONNECTED, TIMEOUT


def test_a_valid_request_is_opening_then_active_and_ready_only_after_a_read_back(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    # Each read of the NSG takes so long that whoever says Ready before it is seen doing so.
    read = {"method": "GET", "path": f"/networkSecurityGroups/{machine.nsg}\\?"}
    team.lab.faults([{"match": read, "times": -1, "action": {"kind": "delay", "seconds": 1}}])
    team.lab.forget_requests()
    request = team.request(machine)
    states = []
    deadline = time.monotonic() + 20
    while "Active" not in states and time.monotonic() < deadline:
        seen = request.get().get("status", {})
        if not states or states[-1] != seen["state"]:
            states.append(seen["state"])
        ready = {each["type"]: each["status"] for each in seen.get("conditions", [])}.get("Ready")
        log = team.requests(machine)
        put = next((i for i, entry in enumerate(log) if entry["method"] == "PUT"), None)
        read_back = put is not None and any(
            entry["method"] == "GET" and "/securityRules/" not in entry["path"]
            and parse_time(entry["time"]) < time.time() - 0.9  # logged when it comes, answered a second later
            for entry in log[put + 1 :]
        )
        assert (ready == "True") <= read_back, f"Ready before the rule was read back: {log}"
        assert (ready == "True") == (seen["state"] == "Active")
        time.sleep(0.05)
    # A state may be over before it is seen, but none comes that does not belong here.
    assert states[-1] == "Active" and "Opening" in states, seen
    assert states == [state for state in ("Pending", "Opening", "Active") if state in states]


def test_the_end_is_the_verdicts_time_plus_the_duration_and_shown(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine, duration="25m")
    status = request.wait_state("Active")["status"]
    verdict = team.verdict(request)
    assert verdict["spec"]["outcome"] == "Granted"
    granted = parse_time(verdict["metadata"]["creationTimestamp"])
    assert parse_time(status["expiresAt"]) == granted + 25 * 60
    assert parse_time(status["grantedAt"]) == parse_time(status["startsAt"]) == granted
    shown = team.kubectl("alice", "get", "accessrequest", "request").stdout.splitlines()
    assert len(shown) == 2, shown
    assert all(word in shown[1] for word in ("Active", "ssh", "alice", status["expiresAt"]))
    [rule] = team.open_rules(machine)
    assert f"until={status['expiresAt']}" in rule["properties"]["description"]


def test_exactly_one_rule_is_added_and_every_other_is_byte_identical(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    before = team.rules(machine)
    team.request(machine).wait_state("Active")
    after = team.rules(machine)
    [added] = [rule for rule in after if rule not in before]
    assert json.dumps([rule for rule in after if rule != added]) == json.dumps(before)
    properties = added["properties"]
    assert (properties["access"], properties["direction"]) == ("Allow", "Inbound")
    assert properties["destinationPortRange"] == "22" and properties["protocol"].lower() == "tcp"
    assert properties["sourceAddressPrefix"].removesuffix("/32") == "203.0.113.7"
    assert properties["destinationAddressPrefix"].removesuffix("/32") == machine.address
    # And it was done by a write of that rule alone.
    writes = [entry for entry in team.writes(machine) if "-open-" in entry["path"]]
    assert [entry["method"] for entry in writes] == ["PUT"]
    assert all("/securityRules/portcullis-" in entry["path"] for entry in team.writes(machine))


def test_kubectl_wait_returns_and_the_message_says_how_to_connect_and_until_when(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    waited = team.kubectl("alice", "wait", "--for=condition=Ready", "accessrequest/request", "--timeout=20s")
    assert waited.returncode == 0 and "condition met" in waited.stdout
    request.wait_condition("Settled", "True", "Open")
    status = request.status
    told = [(each["type"], each["status"], each["reason"]) for each in status["conditions"]]
    reasons = {(kind, truth): reason for kind, truth, reason in told}
    assert reasons == {
        ("Approved", "True"): "PolicyAllows", ("Ready", "True"): "Open", ("Settled", "True"): "Open",
        ("Complete", "False"): "NotFinal", ("Overdue", "False"): "InTime", ("Drifted", "False"): "AsWritten",
    }
    for part in (status["expiresAt"], "22/TCP", machine.public, "203.0.113.7/32"):
        assert part in status["message"], status["message"]
    assert status["targets"] == [{"resourceID": status["targets"][0]["resourceID"], "addresses": [machine.public]}]


def test_the_requester_connects_nobody_else_does_and_only_to_the_port(team: Team) -> None:
    machine = team.machine()
    assert team.connect("stranger", machine, 22) == CONNECTED  # as somebody left it years ago
    policy = team.policy(machine)
    assert [team.connect(who, machine, 22) for who in ("alice", "stranger")] == [TIMEOUT, TIMEOUT]
    request = team.request(machine)
    request.wait_condition("Ready", "True")
    assert team.connect("alice", machine, 22) == CONNECTED
    assert team.connect("stranger", machine, 22) == TIMEOUT
    assert team.connect("carol", machine, 22) == TIMEOUT
    assert team.connect("stranger", machine, 443) == CONNECTED  # nobody asked for this to be shut
    policy.delete()
    policy.wait_gone()
    assert team.connect("stranger", machine, 22) == CONNECTED  # the NSG is theirs again


def test_a_port_that_the_grant_does_not_name_stays_shut_for_the_requester(team: Team) -> None:
    machine = team.machine()
    ports = [{"port": 22, "protocol": "TCP"}, {"port": 3389, "protocol": "TCP"}]
    team.policy(machine, ports=ports)
    team.request(machine).wait_condition("Ready", "True")
    assert team.connect("alice", machine, 22) == CONNECTED
    assert team.connect("alice", machine, 3389) == TIMEOUT
