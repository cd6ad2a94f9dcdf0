"""Give back: who is done early, and who deletes."""

import json

from team import Object, Team, parse_time
from world.connect import CONNECTED, TIMEOUT
from world.process import wait_for

SOON = 5


def test_revoke_closes_within_five_seconds_and_says_returned(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    before = team.rules(machine)
    request = team.request(machine)
    request.wait_state("Active")
    assert team.connect("alice", machine, 22) == CONNECTED
    request.patch({"spec": {"revoke": True}}, user="alice")
    wait_for(lambda: not team.open_rules(machine), SOON, "the rule gone")
    assert team.connect("alice", machine, 22) == TIMEOUT
    status = request.wait_state("Revoked", timeout=SOON)["status"]
    assert request.condition("Ready")["reason"] == "Returned"
    assert "given back" in status["message"]
    assert parse_time(status["closedAt"]) - parse_time(status["endedAt"]) <= SOON
    assert parse_time(status["endedAt"]) < parse_time(status["expiresAt"])
    assert json.dumps(team.rules(machine)) == json.dumps(before)
    ended = team.verdict(request)["spec"]["ended"]
    assert ended["reason"] == "Returned"


def test_what_was_given_back_cannot_be_taken_back(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Revoked")
    client = team.world.cluster.identity("alice")
    answer = client.request("PATCH", request.path, {"spec": {"revoke": False}},
                            content_type="application/merge-patch+json")
    assert answer.status in (403, 422) and "cannot be taken back" in answer.message
    assert request.state == "Revoked" and not team.open_rules(machine)


def test_a_request_given_back_while_it_waits_is_withdrawn(team: Team) -> None:
    machine = team.machine()
    team.policy(machine, approval={"required": 1})
    request = team.request(machine)
    request.wait_state("Pending")
    request.patch({"spec": {"revoke": True}}, user="alice")
    request.wait_state("Withdrawn", timeout=SOON)
    assert request.condition("Ready")["reason"] == "Withdrawn"
    assert team.verdict(request)["spec"]["outcome"] == "Refused"
    assert not team.open_rules(machine)


def test_a_deleted_request_goes_after_its_rule_and_leaves_the_verdict_as_record(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    uid = request.get()["metadata"]["uid"]
    # While the rule cannot be removed, the object stays and says so.
    path = f"/networkSecurityGroups/{machine.nsg}/securityRules/portcullis-.*-open-"
    fault = {"kind": "status", "status": 500, "body": {"error": {"code": "Internal", "message": "no"}}}
    team.lab.faults([{"match": {"method": "DELETE", "path": path}, "times": -1, "action": fault}])
    request.delete()
    request.wait_state("Closing", timeout=SOON)
    wait_for(lambda: len([each for each in team.writes(machine) if each["method"] == "DELETE"]) >= 2, 10, "two tries")
    assert request.get()["metadata"]["deletionTimestamp"] and team.open_rules(machine)
    team.lab.faults([])
    request.wait_gone(timeout=15)
    assert not team.open_rules(machine)
    verdict = Object(team.world, team.namespace, "accessverdicts", uid)
    assert verdict.get()["spec"]["ended"]["reason"] == "Deleted"


def test_a_deleted_request_closes_within_five_seconds(team: Team) -> None:
    machine = team.machine()
    team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    request.delete()
    wait_for(lambda: not team.open_rules(machine), SOON, "the rule gone")
    request.wait_gone(timeout=SOON)


def test_a_request_of_the_same_name_is_a_new_one(team: Team) -> None:
    """It neither inherits the old grant nor is it refused because of it."""
    machine = team.machine()
    team.policy(machine)
    first = team.request(machine)
    first.wait_state("Active")
    old = team.verdict(first)["metadata"]["name"]
    first.delete()
    first.wait_gone()
    second = team.request(machine)
    second.wait_state("Active")
    assert team.verdict(second)["metadata"]["name"] != old
    assert len(team.open_rules(machine)) == 1


def decide(team: Team, request: Object, policy: str, decision: str) -> None:
    """Somebody with every right (the cluster's admin) says something about a request of alice's."""
    team.world.cluster.apply(json.dumps({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "AccessDecision",
        "metadata": {"name": f"{decision.lower()}-{request.name}", "namespace": team.namespace},
        "spec": {
            "requestRef": {"name": request.name, "uid": request.get()["metadata"]["uid"]},
            "policyName": policy,
            "decision": decision,
            "reason": "not today",
        },
    }))


def test_somebody_else_ends_access_with_a_revoke(team: Team) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    request = team.request(machine)
    request.wait_state("Active")
    decide(team, request, policy.name, "Revoke")
    status = request.wait_state("Revoked", timeout=SOON)["status"]
    assert request.condition("Ready")["reason"] == "Revoked"
    assert "not today" in status["message"] and not team.open_rules(machine)
    assert team.verdict(request)["spec"]["ended"]["reason"] == "Revoked"


def test_a_deny_refuses_what_was_still_waiting(team: Team) -> None:
    machine = team.machine()
    policy = team.policy(machine, approval={"required": 1})
    request = team.request(machine)
    request.wait_state("Pending")
    decide(team, request, policy.name, "Deny")
    request.wait_state("Denied", timeout=SOON)
    assert request.condition("Ready")["reason"] == "DeniedByPeople"
    assert not team.open_rules(machine)
