"""Tell me why."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from team import API, Machine, Object, Team, parse_time
from world.process import wait_for
from world.world import World


@dataclass(frozen=True)
class Case:
    """A request that does not open, and what its owner is told: each of the words must be in the message."""

    name: str
    state: str
    reason: str
    words: tuple[str, ...]
    policy: str = "ssh"
    user: str = "alice"
    spec: dict[str, Any] = field(default_factory=dict)
    waits_for_policy: str = ""  # why the policy is not Ready, if it is not

    def __str__(self) -> str:
        return self.name


def in_two_days() -> str:
    return (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")


SERVICE_ACCOUNT = "robot"
CASES = [
    Case("policy-missing", "Pending", "PolicyNotFound", ('"nowhere"', "does not exist"), policy="nowhere"),
    Case("port-not-in-policy", "Denied", "PortNotInPolicy", ("asks for port 3389/TCP", "has 22/TCP"),
         spec={"ports": [{"port": 3389, "protocol": "TCP"}]}),
    Case("source-too-broad", "Denied", "SourceTooBroad", ("asks for source 203.0.113.0/29", "allows /32"),
         spec={"sources": ["203.0.113.0/29"]}),
    Case("source-not-allowed", "Denied", "SourceNotAllowed",
         ("asks for source 198.51.100.66/32", "allows 203.0.113.0/24"), spec={"sources": ["198.51.100.66/32"]}),
    Case("too-long", "Denied", "DurationTooLong", ("asks for 3h", "allows 1h"), spec={"duration": "3h"}),
    Case("reason-missing", "Denied", "ReasonRequired", ("spec.reason is empty", "demands"),
         policy="ticket", spec={"reason": None}),
    Case("reason-pattern", "Denied", "ReasonNotAccepted", ('"because"', "^(INC|CHG)-[0-9]+"),
         policy="ticket", spec={"reason": "because"}),
    Case("target-unknown", "Denied", "TargetNotInPolicy", ('asks for target "db-9"', "has web/"),
         spec={"targets": ["db-9"]}),
    Case("target-ambiguous", "Denied", "AmbiguousTarget", ('"twin" names 2 machines', "web/twin", "other/twin"),
         policy="twins", spec={"targets": ["twin"]}),
    Case("vm-not-found", "Pending", "PolicyNotReady", ('"ghost"', "does not exist"),
         policy="ghost", spec={"targets": ["ghost"]}, waits_for_policy="TargetNotFound"),
    Case("no-nsg", "Pending", "PolicyNotReady", ("Unprotected", "no NSG"),
         policy="bare", waits_for_policy="Unprotected"),
    Case("approval-required", "Pending", "ApprovalRequired", ("waits for 1 approval", "#sre-leads"), policy="approved"),
    Case("suspended", "Denied", "Suspended", ('policy "suspended" is suspended',), policy="suspended"),
    Case("account-missing", "Pending", "AccountNotFound", ('"nowhere"', "does not exist"),
         policy="accountless", waits_for_policy="AccountNotFound"),
    Case("service-account", "Denied", "ServiceAccountRefused", ("is a service account", "Refuse"), user=SERVICE_ACCOUNT),
    Case("starts-too-late", "Denied", "StartsTooLate", ("is more than 24h ahead",), spec={"startAt": "in two days"}),
    Case("no-such-address", "Denied", "NoAddress", ("2001:db8:a::7/128 is IPv6", "no such address"),
         policy="both", spec={"sources": ["2001:db8:a::7/128"]}),
    Case("prolongs", "Denied", "NotSupported", ("spec.extends", "apply a new one"),
         spec={"extends": {"name": "too-long", "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110001"}}),
    Case("planned", "Planned", "Planned", ("would be granted for 10m", "1 machine(s)"), spec={"planOnly": True}),
    Case("audited", "Planned", "Audit", ("would be granted for 10m", "the policy is in Audit"), policy="audit"),
]


@dataclass
class Office:
    team: Team
    machines: dict[str, Machine]
    requests: dict[str, Object]
    writes_before: dict[str, int]  # locks, by policy


@pytest.fixture(scope="module")
def office(world: World) -> Iterator[Office]:
    """All policies, then all requests at once: none of them opens anything."""
    team = Team(world, world.cluster.namespace("story-7-why"))
    machines = {name: team.machine() for name in ("ssh", "ticket", "approved", "hasty", "suspended", "both", "audit")}
    machines["accountless"] = team.machine()
    machines["bare"] = team.machine(nsg=False)
    machines["twins"] = team.machine(name="twin")
    other_twin = team.machine(name="twin", group="other")
    ghost = Machine("ghost", "", "", "")
    team.policy(machines["ssh"], wait=False)
    team.policy(machines["ticket"], name="ticket", wait=False,
                reason={"required": True, "pattern": "^(INC|CHG)-[0-9]+"})
    team.policy(machines["approved"], name="approved", wait=False, approval={"required": 1, "contact": "#sre-leads"})
    team.policy(machines["hasty"], name="hasty", wait=False, approval={"required": 1, "timeout": "1m"})
    team.policy(machines["suspended"], name="suspended", wait=False, suspend=True)
    team.policy(machines["both"], name="both", wait=False,
                port={"allowedSources": ["203.0.113.0/24", "2001:db8:a::/64"]})
    team.policy(machines["audit"], name="audit", wait=False, enforcement="Audit")
    team.policy(machines["bare"], name="bare", wait=False)
    team.policy(ghost, name="ghost", wait=False)
    twins = [{"virtualMachine": {"resourceGroup": group, "name": "twin"}} for group in ("web", "other")]
    team.policy(name="twins", wait=False, targets=twins)
    # With Unlock it would wait for its account when it is deleted: there might be locks.
    team.policy(machines["accountless"], name="accountless", wait=False, accountRef={"name": "nowhere"},
                onDelete="KeepLocks")
    for name in ("ssh", "ticket", "approved", "hasty", "suspended", "both", "audit", "twins"):
        team.object("jitpolicies", name).wait_condition("Ready", "True", timeout=40)
    for case in CASES:
        if case.waits_for_policy:
            team.object("jitpolicies", case.policy).wait_condition("Ready", "False", case.waits_for_policy)
    machines["other twin"] = other_twin
    writes_before = {name: len(team.writes(machine)) for name, machine in machines.items() if machine.nsg}

    _may_ask_as_a_service_account(team)
    requests = {}
    for case in CASES:
        spec = dict(case.spec)
        if "startAt" in spec:
            spec["startAt"] = in_two_days()
        asked = machines.get(case.policy, ghost)
        requests[case.name] = team.request(asked, name=case.name, policy=case.policy, user=case.user, **spec)
    requests["undecided"] = team.request(machines["hasty"], name="undecided", policy="hasty", user="carol")
    yield Office(team, machines, requests, writes_before)
    team.leave()


def _may_ask_as_a_service_account(team: Team) -> None:
    """Under the short name SERVICE_ACCOUNT, as if it were a person."""
    team.kubectl("admin", "create", "serviceaccount", SERVICE_ACCOUNT)
    team.kubectl("admin", "create", "rolebinding", SERVICE_ACCOUNT, "--clusterrole=portcullis-requester",
                 f"--serviceaccount={team.namespace}:{SERVICE_ACCOUNT}")
    cluster = team.world.cluster
    cluster.service_account(team.namespace, SERVICE_ACCOUNT)
    cluster._users[SERVICE_ACCOUNT] = cluster.identity(f"system:serviceaccount:{team.namespace}:{SERVICE_ACCOUNT}")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_requester_is_told_state_reason_and_both_values(office: Office, case: Case) -> None:
    request = office.requests[case.name]
    wait_for(lambda: request.condition("Ready").get("reason") == case.reason, 20,
             f"{case.name} {case.reason}; it is {request.status}")
    status = request.status
    assert status["state"] == case.state
    for word in case.words:
        assert word.format(namespace=office.team.namespace) in status["message"], status["message"]
    assert "\n" not in status["message"]
    ready = request.condition("Ready")
    assert (ready["status"], ready["message"]) == ("False", status["message"])
    pending = case.state == "Pending"
    assert request.condition("Complete")["status"] == ("False" if pending else "True")
    approved = request.condition("Approved")
    assert approved["status"] == ("Unknown" if pending else "False")
    assert not pending or approved["reason"] == "NotDecided"
    # The same with kubectl, for people.
    line = office.team.kubectl("alice", "get", "accessrequest", case.name, "-o", "wide").stdout.splitlines()[1]
    assert case.state in line and status["message"] in line
    described = office.team.kubectl("alice", "describe", "accessrequest", case.name).stdout
    assert case.reason in described and case.state in described
    # "describe" wraps nothing, so the sentence stands there as it is.
    assert status["message"] in described


@pytest.mark.parametrize("case", [case for case in CASES if case.state != "Pending"], ids=str)
def test_a_refusal_is_one_verdict_and_one_event(office: Office, case: Case) -> None:
    request = office.requests[case.name]
    request.wait_state(case.state)
    verdict = office.team.verdict(request)["spec"]
    assert (verdict["outcome"], verdict["reason"]) == ("Refused", case.reason)
    wait_for(request.events, 10, f"an Event of {case.name}")
    [event] = request.events()
    assert (event["reason"], event["action"]) == (case.reason, case.state)
    assert (event.get("deprecatedCount") or 1) == 1 and not event.get("series")
    assert event["note"] == request.status["message"]


def test_nothing_was_written_to_any_cloud_resource(office: Office) -> None:
    """Every case has been decided by now; what waits, waits without a write."""
    for case in CASES:
        office.requests[case.name].wait_state(case.state)
    for name, count in office.writes_before.items():
        writes = office.team.writes(office.machines[name])[count:]
        assert not writes, f"{name}: {writes}"
    for name in ("accountless", "audit"):
        assert office.writes_before[name] == 0, f"{name} was locked"


def test_what_waits_is_not_told_again_and_again(office: Office) -> None:
    waiting = [office.requests[case.name] for case in CASES if case.state == "Pending"]
    for request in waiting:
        request.wait_state("Pending")
    versions = [request.get()["metadata"]["resourceVersion"] for request in waiting]
    time.sleep(35)  # what waits is looked at every 30 s, and by any retry sooner
    assert [request.get()["metadata"]["resourceVersion"] for request in waiting] == versions
    assert all(len(request.events()) <= 1 for request in waiting)


def test_what_nobody_decides_in_time_is_over(office: Office) -> None:
    request = office.requests["undecided"]
    created = parse_time(request.get()["metadata"]["creationTimestamp"])
    status = request.wait_state("TimedOut", timeout=created + 75 - time.time())["status"]
    assert request.condition("Ready")["reason"] == "TimedOut"
    assert created + 60 <= parse_time(request.condition("Complete")["lastTransitionTime"]) <= created + 70
    assert "nobody decided until" in status["message"] and not office.team.open_rules(office.machines["hasty"])


def test_who_may_not_request_is_stopped_at_the_door(office: Office) -> None:
    body = office.requests["too-long"].get()
    body = {key: body[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "intruder"}}
    body["spec"].pop("requester")
    path = f"{API}/namespaces/{office.team.namespace}/accessrequests"
    answer = office.team.world.cluster.identity("mallory").request("POST", path, body)
    assert answer.status == 403 and "mallory" in answer.message, (answer.status, answer.message)


@pytest.fixture
def account(world: World) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Changes the spec of the account that everybody here uses; afterwards it is as before."""
    admin = world.cluster.identity("admin")
    path = f"{API}/cloudaccounts/prod"
    before = admin.request("GET", path).body["spec"]

    def change(spec: dict[str, Any]) -> None:
        answer = admin.request("PATCH", path, {"spec": spec}, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message

    yield change
    change({"access": before["access"], "freeze": before["freeze"]})


def test_an_account_that_is_not_for_the_namespace(team: Team, account: Callable[[dict[str, Any]], None]) -> None:
    machine = team.machine()
    account({"access": [{"namespaces": ["some-other-team"], "resourceGroups": ["web"]}]})
    policy = team.policy(machine, wait=False)
    condition = policy.wait_condition("Ready", "False", "NamespaceNotAllowed")
    assert '"prod"' in condition["message"] and team.namespace in condition["message"]
    request = team.request(machine)
    message = request.wait_state("Denied")["status"]["message"]
    assert request.condition("Ready")["reason"] == "NamespaceNotAllowed"
    assert '"prod"' in message and team.namespace in message and "spec.access" in message
    assert not team.writes(machine)


def test_a_frozen_account_ends_what_is_open_and_grants_nothing(
    team: Team, account: Callable[[dict[str, Any]], None]
) -> None:
    machine = team.machine()
    policy = team.policy(machine)
    live = team.request(machine)
    live.wait_state("Active")
    account({"freeze": True})
    live.wait_state("Revoked", timeout=5)
    assert live.condition("Ready")["reason"] == "Frozen" and not team.open_rules(machine)
    writes = len(team.writes(machine))
    refused = team.request(machine, name="refused", user="carol")
    message = refused.wait_state("Denied")["status"]["message"]
    assert refused.condition("Ready")["reason"] == "Frozen" and '"prod" is frozen' in message
    assert len(team.writes(machine)) == writes
    assert policy.condition("Locked")["status"] == "True"  # the lock stays
    account({"freeze": False})
    team.request(machine, name="again", user="carol").wait_state("Active")
    assert live.state == "Revoked"  # what has ended does not open again


def test_a_request_is_not_granted_by_a_policy_that_appears_later(team: Team) -> None:
    machine = team.machine()
    request = team.request(machine)
    wait_for(lambda: request.condition("Ready").get("reason") == "PolicyNotFound", 10, "PolicyNotFound")
    time.sleep(1.1)  # creation times have whole seconds; equal ones are no "later"
    team.policy(machine)
    # It is older than the policy: that cannot have been what its owner agreed to.
    request.wait_state("Denied")
    assert request.condition("Ready")["reason"] == "OlderThanPolicy"
    assert not team.open_rules(machine)
    team.request(machine, name="anew").wait_state("Active")


@pytest.fixture
def loose_schema(team: Team) -> Iterator[Callable[[bool], None]]:
    """Turns the schema of requests off and on, as an older CRD, or a backup restored beside one, would."""
    admin = team.world.cluster.identity("admin")
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/accessrequests.portcullis.dev"
    strict = admin.request("GET", path).body["spec"]["versions"]
    loose = yaml.safe_load(yaml.safe_dump(strict))
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    loose[0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = anything | {
        "properties": {  # those that are selectable
            "policyRef": anything | {"properties": {"name": {"type": "string"}}},
            "requester": anything | {"properties": {"username": {"type": "string"}}},
        },
    }

    def set_loose(on: bool) -> None:
        change = {"spec": {"versions": loose if on else strict}}
        answer = admin.request("PATCH", path, change, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message

    yield set_loose
    set_loose(False)


def test_an_object_that_cannot_be_understood_stops_nobody_else(
    team: Team, loose_schema: Callable[[bool], None]
) -> None:
    machine = team.machine()
    team.policy(machine)
    alice = team.world.cluster.identity("alice")
    poison = {
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", "metadata": {"name": "poison"},
        "spec": {"policyRef": {"name": "ssh"}, "targets": 7, "ports": "all", "sources": [["x"]], "duration": "for ever",
                 "breakGlass": False, "planOnly": False, "revoke": False},
    }
    seen = len(team.world.operator.log())
    loose_schema(True)

    def created() -> bool:  # the server takes a moment to serve the other schema
        answer = alice.request("POST", f"{API}/namespaces/{team.namespace}/accessrequests", poison)
        assert answer.status in (201, 400, 409, 422, 500, 503), (answer.status, answer.message)
        return answer.status in (201, 409)

    wait_for(created, 30, "the poison object stored", interval=0.3)
    bad = team.object("accessrequests", "poison")
    wait_for(lambda: "not understood" in team.world.operator.log()[seen:], 40, "a line about it")
    # The schema is back, the object stays: carol's request opens, closes, and its policy can be changed.
    loose_schema(False)
    wait_for(lambda: _schema_is_strict(team), 30, "the schema served again", interval=0.3)
    request = team.request(machine, user="carol")
    request.wait_state("Active", timeout=60)
    assert bad.get() and not bad.status.get("conditions"), "what it does not understand it must leave alone"
    request.patch({"spec": {"revoke": True}}, user="carol")
    request.wait_state("Revoked", timeout=60)
    # It is taken away by the one who may: its finalizer is the operator's.
    loose_schema(True)
    operator = team.world.cluster.identity("system:serviceaccount:portcullis-system:portcullis")

    def released() -> bool:
        answer = operator.request("PATCH", bad.path, {"metadata": {"finalizers": None}},
                                  content_type="application/merge-patch+json")
        return answer.status in (200, 404)

    wait_for(released, 30, "the poison object released", interval=0.3)
    bad.delete()
    bad.wait_gone()


def _schema_is_strict(team: Team) -> bool:
    body = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", "metadata": {"name": "x"}, "spec": {}}
    path = f"{API}/namespaces/{team.namespace}/accessrequests?dryRun=All"
    answer = team.world.cluster.identity("alice").request("POST", path, body)
    return answer.status == 422 and "spec.policyRef" in answer.message
