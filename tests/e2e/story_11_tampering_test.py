"""Tampering: who changes our rules is found out, and what they changed is put right."""

import copy
from typing import Any

from team import Machine, Team
from world.process import wait_for

# What is open is read every minute.
DRIFT_PERIOD = 75


def open_rule(team: Team, machine: Machine) -> dict[str, Any]:
    return team.open_rules(machine)[0]


def tamper(team: Team, machine: Machine, rule: dict[str, Any], **changes: Any) -> None:
    properties = copy.deepcopy(rule["properties"]) | changes
    team.lab.put_rule("net", machine.nsg, rule["name"], properties)


def test_a_widened_source_is_put_right_and_told_for_good(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine, duration="3m")
    request.wait_state("Active")
    rule = open_rule(team, machine)
    assert request.condition("Drifted")["status"] == "False"
    tamper(team, machine, rule, sourceAddressPrefix="*", sourceAddressPrefixes=[])
    condition = request.wait_condition("Drifted", "True", "RuleWidened", timeout=DRIFT_PERIOD)
    for word in (machine.nsg, rule["name"], "203.0.113.7/32", "any"):
        assert word in condition["message"], condition
    wait_for(lambda: open_rule(team, machine)["properties"]["sourceAddressPrefix"] == "203.0.113.7/32", 10, "narrowed")
    assert "RuleWidened" in [event["reason"] for event in request.events()]
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Revoked")
    assert request.condition("Drifted")["status"] == "True"


def test_a_removed_rule_comes_back_or_ends_the_grant_as_the_policy_says(team: Team) -> None:
    corrected, ended, reported = team.machine(), team.machine(), team.machine()
    requests = {}
    for machine, mode in ((corrected, "Correct"), (ended, "End"), (reported, "Report")):
        team.policy(machine, name=mode.lower(), onDrift=mode)
        requests[mode] = team.request(machine, name=mode.lower(), policy=mode.lower())
    for mode, machine in (("Correct", corrected), ("End", ended), ("Report", reported)):
        requests[mode].wait_state("Active")
        team.lab.delete_rule("net", machine.nsg, open_rule(team, machine)["name"])
    for request in requests.values():
        request.wait_condition("Drifted", "True", "RuleRemoved", timeout=DRIFT_PERIOD)
    wait_for(lambda: team.open_rules(corrected), 10, "the rule is back")
    requests["Correct"].wait_state("Active")
    seen = requests["End"].wait_state("Revoked")
    assert "onDrift: End" in seen["status"]["message"]
    requests["Report"].wait_condition("Ready", "False", "Drifted")
    assert not team.open_rules(ended) and not team.open_rules(reported)


def test_a_lock_that_is_taken_away_comes_back_with_an_event(team: Team) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    before = team.rules(machine, own=True)
    team.lab.delete_rule("net", machine.nsg, before[0]["name"])
    wait_for(lambda: team.rules(machine, own=True) == before, DRIFT_PERIOD, "the lock is back", interval=0.3)
    policy.wait_condition("Ready", "True")
    wait_for(lambda: "RuleRemoved" in [event["reason"] for event in policy.events()], 10, "an Event")
