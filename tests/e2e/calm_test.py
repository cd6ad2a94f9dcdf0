"""What cannot be done now is tried again, with pauses: a cloud in trouble is not asked a hundred times a second."""

import time

from team import FOREIGN_RULES, Team
from world.process import wait_for

WATCHED = 8  # seconds
MOST = 12  # requests about one NSG in that time: a few passes, each with a read, a write and a read back


def assert_calm(team: Team, machine: object) -> None:
    before = len(team.requests(machine))
    time.sleep(WATCHED)
    asked = team.requests(machine)[before:]
    assert len(asked) <= MOST, f"{len(asked)} requests in {WATCHED} s: {[entry['path'] for entry in asked[:6]]} ..."


def test_reads_that_fail_while_a_grant_closes(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    team.lab.faults([{"match": {"path": f"/networkSecurityGroups/{machine.nsg}"}, "times": -1,
                      "action": {"kind": "status", "status": 500, "body": {"error": {"code": "Internal"}}}}])
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Closing")
    assert_calm(team, machine)
    assert request.state == "Closing" and machine.nsg in request.status["message"]
    team.lab.faults([])
    request.wait_state("Revoked", timeout=30)
    assert not team.open_rules(machine)


def test_writes_that_fail_while_a_grant_opens(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    team.lab.faults([{"match": {"method": "PUT", "path": path}, "times": -1,
                      "action": {"kind": "status", "status": 500,
                                 "body": {"error": {"code": "InternalServerError", "message": "try later"}}}}])
    request = team.request(machine)
    wait_for(lambda: request.condition("Ready").get("reason") == "CloudError", 15, "the cloud's error is told")
    assert request.state == "Opening"
    assert machine.nsg in request.status["message"] and "try later" in request.status["message"]
    assert_calm(team, machine)
    team.lab.faults([])
    request.wait_state("Active", timeout=30)
    assert len(team.open_rules(machine)) == 1


def test_a_band_without_a_free_priority(team: Team) -> None:
    full = [
        {"name": f"taken-{priority}", "priority": priority, "access": "Allow", "protocol": "Tcp", "ports": 8443,
         "source": "192.0.2.77"}
        for priority in range(130, 280)
    ]
    machine = team.machine(rules=FOREIGN_RULES + full)
    policy = team.policy(machine)
    before = team.rules(machine)
    request = team.request(machine)
    wait_for(lambda: request.condition("Ready").get("reason") == "NoFreePriority", 15, "NoFreePriority")
    assert request.state == "Opening" and not team.open_rules(machine)
    assert_calm(team, machine)
    assert team.rules(machine) == before
    # Somebody tidies up: the rule finds its place by itself, at the latest with the next reading.
    team.lab.delete_rule("net", machine.nsg, "taken-150")
    request.wait_state("Active", timeout=75)
    [rule] = team.open_rules(machine)
    assert rule["properties"]["priority"] == 150
    assert policy.condition("Ready")["status"] == "True"
