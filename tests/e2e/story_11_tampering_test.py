"""Tampering and shadowing: who changes our rules, or writes others around them, is found out and told.

What the operator finds by itself it finds within a drift period, so all that is done side by side, once.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from team import Machine, Object, Team
from world.process import wait_for
from world.world import World

# What is open is read every minute.
DRIFT_PERIOD = 75
DENY = {
    "priority": 110, "access": "Deny", "direction": "Inbound", "protocol": "Tcp", "sourceAddressPrefix": "203.0.113.0/24",
    "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "22",
    "provisioningState": "Succeeded",
}
# What is done to the rule of each grant, and how its policy takes it.
MODES = {"widened": "Report", "corrected": "Correct", "ended": "End", "reported": "Report", "edited": "Correct"}
# Whose way is denied, and the rule that does: one above ours, one in the interface's NSG behind that of the subnet, and
# one that names whom it denies by a tag.
DENIED = {"above": "corp-deny", "nic": "host-deny", "tag": "tag-deny"}


def open_rule(team: Team, machine: Machine) -> dict[str, Any]:
    return team.open_rules(machine)[0]


def tamper(team: Team, machine: Machine, rule: dict[str, Any], **changes: Any) -> None:
    properties = copy.deepcopy(rule["properties"]) | changes
    team.lab.put_rule("net", machine.nsg, rule["name"], properties)


@dataclass
class Scene:
    team: Team
    machines: dict[str, Machine]
    requests: dict[str, Object]
    rules: dict[str, dict[str, Any]]  # the open rule of each, before


def behind_two(team: Team) -> Machine:
    """A machine behind an NSG of its interface and, before that, one of its subnet."""
    machine, gate = team.machine(), team.machine().nsg
    address = "10.2.7." + machine.address.rsplit(".", 1)[1]
    nic = {"name": f"nic-{machine.name.split('-')[1]}", "subnet": "net/vnet/moved", "ip": address, "nsg": f"net/{machine.nsg}"}
    team.lab.move_subnet("net", "vnet", "moved", f"net/{gate}")
    team.lab.put_machine("web", machine.name, {"listens": [22], "nics": [nic]})
    return machine


@pytest.fixture(scope="module")
def scene(world: World) -> Iterator[Scene]:
    team = Team(world, world.cluster.namespace("story-11"))
    machines = {name: team.machine() for name in MODES}
    machines["nic"] = behind_two(team)
    machines["above"], machines["tag"] = team.machine(), team.machine()
    for name, machine in machines.items():
        team.policy(machine, name=name, wait=False, onDrift=MODES.get(name, "Correct"))
    for name in machines:
        team.object("jitpolicies", name).wait_condition("Ready", "True", timeout=40)
    requests = {
        name: team.request(machine, name=name, policy=name, duration="5m") for name, machine in machines.items()
    }
    for request in requests.values():
        request.wait_state("Active")
    rules = {name: open_rule(team, machine) for name, machine in machines.items()}
    assert {request.condition("Drifted")["status"] for request in requests.values()} == {"False"}
    tamper(team, machines["widened"], rules["widened"], sourceAddressPrefix="*", sourceAddressPrefixes=[])
    tamper(team, machines["edited"], rules["edited"], sourcePortRange="1024-65535")
    for name in ("corrected", "ended", "reported"):
        team.lab.delete_rule("net", machines[name].nsg, rules[name]["name"])
    team.lab.put_rule("net", machines["above"].nsg, "corp-deny", DENY)
    team.lab.put_rule("net", machines["nic"].nsg, "host-deny", DENY | {"priority": 111})
    team.lab.put_rule("net", machines["tag"].nsg, "tag-deny", DENY | {"sourceAddressPrefix": "AzureCloud"})
    yield Scene(team, machines, requests, rules)
    gated = team.object("jitpolicies", "nic")
    gated.delete()
    gated.wait_gone()
    team.lab.move_subnet("net", "vnet", "moved", None)
    team.leave()


def test_a_deny_above_our_rule_is_named_and_so_is_one_of_the_nics_nsg(scene: Scene) -> None:
    """A deny with a lower number above our rule, in the same NSG or in that of the interface alone, makes the request
    not Ready: Shadowed, with the rule's name. Whom it denies only by a tag makes it Unproven."""
    for name, rule, priority in (("above", "corp-deny", "110"), ("nic", "host-deny", "111")):
        told = scene.requests[name].wait_condition("Ready", "False", "Shadowed", timeout=DRIFT_PERIOD)
        for word in (f'"{rule}"', priority, scene.machines[name].nsg, "remove it"):
            assert word in told["message"], told
        assert scene.requests[name].state == "Opening"
    told = scene.requests["tag"].wait_condition("Ready", "False", "Unproven", timeout=DRIFT_PERIOD)
    assert '"tag-deny"' in told["message"], told
    # Our rules stand as they were, and nobody else's was touched.
    for name in DENIED:
        assert open_rule(scene.team, scene.machines[name]) == scene.rules[name]
    assert not scene.team.lab.connect("alice", scene.machines["nic"].name, 22)["allowed"]
    for name, rule in DENIED.items():
        scene.team.lab.delete_rule("net", scene.machines[name].nsg, rule)


def test_a_widened_source_is_put_right_and_told_for_good(scene: Scene) -> None:
    """A source that somebody widened to * is put right within the drift period, also where the policy only reports;
    Drifted says before and after, and goes on saying so when it is all over."""
    team, machine, request = scene.team, scene.machines["widened"], scene.requests["widened"]
    condition = request.wait_condition("Drifted", "True", "RuleWidened", timeout=DRIFT_PERIOD)
    for word in (machine.nsg, scene.rules["widened"]["name"], "203.0.113.7/32", "any"):
        assert word in condition["message"], condition
    wait_for(lambda: open_rule(team, machine)["properties"]["sourceAddressPrefix"] == "203.0.113.7/32", 10, "narrowed")
    wait_for(lambda: "RuleWidened" in [event["reason"] for event in request.events()], 10, "an Event")
    [event] = [event for event in request.events() if event["reason"] == "RuleWidened"]
    assert "203.0.113.7/32" in event["note"] and "any" in event["note"], event
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Revoked")
    assert request.condition("Drifted")["status"] == "True"


def test_an_edit_that_lets_nobody_else_in_is_put_right_too(scene: Scene) -> None:
    """Any other edit of a rule of ours is told as such, and the rule is again what it was."""
    team, machine, request = scene.team, scene.machines["edited"], scene.requests["edited"]
    condition = request.wait_condition("Drifted", "True", "RuleEdited", timeout=DRIFT_PERIOD)
    assert scene.rules["edited"]["name"] in condition["message"], condition
    wait_for(lambda: open_rule(team, machine)["properties"] == scene.rules["edited"]["properties"], 10, "as it was")
    request.wait_condition("Ready", "True", "Open")


def test_a_removed_rule_comes_back_or_ends_the_grant_as_the_policy_says(scene: Scene) -> None:
    """A rule of ours that IaC deletes is back within the drift period; or that ends the grant, or is only told, where
    the policy says so."""
    team, requests, machines = scene.team, scene.requests, scene.machines
    for name in ("corrected", "ended", "reported"):
        requests[name].wait_condition("Drifted", "True", "RuleRemoved", timeout=DRIFT_PERIOD)
    wait_for(lambda: team.open_rules(machines["corrected"]), 10, "the rule is back")
    requests["corrected"].wait_state("Active")
    seen = requests["ended"].wait_state("Revoked")
    assert "onDrift: End" in seen["status"]["message"]
    requests["reported"].wait_condition("Ready", "False", "Drifted")
    assert not team.open_rules(machines["ended"]) and not team.open_rules(machines["reported"])


def test_a_lock_that_is_taken_away_comes_back_with_an_event_and_whoever_goes_on_is_a_contest(team: Team) -> None:
    """A lock that somebody removes comes back, each time; who does it again and again makes the policy Contended."""
    machine = team.machine()
    policy = team.policy(machine)
    before = team.rules(machine, own=True)
    for hours in (23, 22, 21, 20):
        assert policy.condition("Ready")["status"] == "True"  # the lock was seen where it is
        team.lab.delete_rule("net", machine.nsg, before[0]["name"])
        policy.patch({"spec": {"maxAhead": f"{hours}h"}})  # not to wait for the next reading
        wait_for(lambda: team.rules(machine, own=True) == before, 20, "the lock is back")
        if hours > 20:
            policy.wait_condition("Ready", "True")
    wait_for(lambda: "RuleRemoved" in [event["reason"] for event in policy.events()], 10, "an Event")
    told = policy.wait_condition("Ready", "False", "Contended")
    assert machine.nsg in told["message"] and "4 times" in told["message"], told
    assert [each["state"] for each in policy.status["targets"]] == ["Contended"]
    assert policy.condition("Locked")["status"] == "False" and team.rules(machine, own=True) == before


# How the cloud may write what it was given: all of it means the same.
NORMALISED = {
    "protocol": "TCP", "access": "allow", "direction": "inbound", "sourceAddressPrefix": "203.0.113.7",
    "sourceAddressPrefixes": None, "destinationPortRanges": None, "sourcePortRange": "0-65535",
    "destinationAddressPrefixes": [],
}


def test_what_the_cloud_writes_in_its_own_way_is_left_as_it_is(team: Team) -> None:
    """A value that the server normalises (an address without /32, TCP for Tcp) causes no write in ten looks."""
    machine = team.machine()
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    [rule] = team.open_rules(machine)
    place = [each["name"] for each in team.rules(machine)].index(rule["name"])
    body = [
        {"op": "add", "path": f"/properties/securityRules/{place}/properties/{name}", "value": value}
        for name, value in NORMALISED.items()
    ]
    body.append({"op": "replace", "path": f"/properties/securityRules/{place}/id", "value": rule["id"].upper()})
    body.append({"op": "add", "path": f"/properties/securityRules/{place}/etag", "value": 'W/"00000000-0000"'})
    read = {"method": "GET", "path": f"/networkSecurityGroups/{machine.nsg}\\?"}
    team.lab.faults([{"match": read, "times": -1, "action": {"kind": "patch", "body": body}}])
    team.lab.forget_requests()
    for look in range(1, 11):
        policy.patch({"spec": {"maxAhead": f"{look}h"}})
        wait_for(lambda look=look: len(team.requests(machine)) >= look, 20, f"look {look}")
        policy.wait_condition("Ready", "True")
    assert any(entry.get("fault") == "patch" for entry in team.requests(machine)), "nothing was normalised"
    assert team.writes(machine) == [], "rewritten although it means the same"
    assert request.condition("Drifted")["status"] == "False" and request.condition("Ready")["status"] == "True"


def test_who_was_shadowed_is_ready_when_the_deny_is_gone(scene: Scene) -> None:
    """Ready turns True again when the deny was removed, with nobody's doing."""
    for name in DENIED:
        scene.requests[name].wait_condition("Ready", "True", "Open", timeout=DRIFT_PERIOD)
    assert scene.team.lab.connect("alice", scene.machines["above"].name, 22)["allowed"]
