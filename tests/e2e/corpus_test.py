"""Bad input that the operator must answer: the cases of tests/corpus that the API server cannot judge, side by side.

What is refused causes no write: judged by the cloud's own log.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from corpus import table
from team import API, Machine, Object, Team
from world.assets import REPOSITORY
from world.process import wait_for
from world.world import World

REFUSED, OPENED, POLICY = (table.load(layer) for layer in table.OPERATOR_LAYERS)
AT_THE_DOOR = table.load("decoder", "schema", "cel")
ROOMY = {"activePerRequester": 100, "active": 1000, "totalDuration": "24h"}


@dataclass
class Office:
    team: Team
    machines: dict[str, Machine] = field(default_factory=dict)  # by policy
    requests: dict[str, Object] = field(default_factory=dict)  # by case
    writes_before: dict[str, int] = field(default_factory=dict)  # by policy: its locks

    def add_policy(self, name: str, case: table.Case | None = None, **spec: Any) -> None:
        """With a machine of its own, called like it; what the case says of a policy goes in."""
        six = spec.pop("six", False)
        self.machines[name] = machine = self.team.machine(name=f"corpus-{name}", ipv6=six, packets=False)
        if case is not None:
            spec |= json.loads(
                json.dumps(case.spec).replace("MACHINE-UPPER", machine.name.upper()).replace("MACHINE", machine.name)
            )
        self.team.policy(machine, name=name, wait=False, limits=ROOMY, **spec)

    def ask(self, case: table.Case, policy: str) -> None:
        """A request as the case says, for the machine of the policy."""
        spec = {"policyRef": {"name": policy}} | case.spec
        policy = spec.pop("policyRef")["name"]
        machine = self.machines.get(policy) or self.machines[case.get("under")]
        name = name_of(case)
        self.requests[name] = self.team.request(machine, name=name, policy=policy, **spec)

    def writes(self, policy: str) -> list[dict[str, Any]]:
        """To the policy's group, since its machine was locked."""
        return self.team.writes(self.machines[policy])[self.writes_before[policy]:]


NAMES = {id(case): f"{case.table.replace('_', '-')}-{number}" for number, case in enumerate(REFUSED + OPENED + POLICY)}


def name_of(case: table.Case) -> str:
    return NAMES[id(case)]


@pytest.fixture(scope="module")
def office(world: World) -> Iterator[Office]:
    """All policies, then all requests, side by side."""
    before = world.lab.settings()
    world.lab.settings(throttling=False)  # they are more than one team's
    office = Office(Team(world, world.cluster.namespace("corpus")))
    for name, spec in table.GIVEN["policies"].items():
        office.add_policy(name, **spec)
    for case in OPENED:
        office.add_policy(name_of(case), **table.GIVEN["policies"][case.get("policy")])
    for case in POLICY:
        office.add_policy(name_of(case), case)
    for name in [*table.GIVEN["policies"], *map(name_of, OPENED)]:
        office.team.object("jitpolicies", name).wait_condition("Ready", "True", timeout=40)
        office.writes_before[name] = len(office.team.writes(office.machines[name]))
    for case in REFUSED:
        office.ask(case, case.get("under"))
    for case in OPENED:
        office.ask(case, name_of(case))
    yield office
    office.team.leave()
    world.lab.settings(throttling=before["throttling"])


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_the_operator_refuses_says_why(office: Office, case: table.Case) -> None:
    request = office.requests[name_of(case)]
    ready = request.wait_condition("Ready", "False", case.get("reason"))
    status = request.status
    assert status["state"] == case.get("state"), status
    for words in case.says:
        assert words in ready["message"], ready["message"]
    assert "\n" not in ready["message"]
    verdict = office.team.verdict(request)
    assert bool(verdict) == (case.get("state") != "Pending")
    assert not verdict or (verdict["spec"]["outcome"], verdict["spec"]["reason"]) == ("Refused", case.get("reason"))


@pytest.mark.parametrize("case", OPENED, ids=lambda case: case.name)
def test_what_is_opened_is_what_was_meant(office: Office, case: table.Case) -> None:
    office.requests[name_of(case)].wait_state("Active", timeout=40)
    opened = [in_short(rule) for rule in office.team.open_rules(office.machines[name_of(case)])]
    wanted = case.get("rules")
    assert len(opened) == len(wanted), opened
    for rule in wanted:
        assert [one for one in opened if all(one[key] == value for key, value in rule.items())], (rule, opened)
    written = office.writes(name_of(case))
    assert [(entry["method"], entry["status"]) for entry in written] == [("PUT", 201)] * len(wanted)


def in_short(rule: dict[str, Any]) -> dict[str, Any]:
    said = rule["properties"]
    ports = [said["destinationPortRange"]] if said.get("destinationPortRange") else said["destinationPortRanges"]
    sources = [said["sourceAddressPrefix"]] if said.get("sourceAddressPrefix") else said["sourceAddressPrefixes"]
    return {"sources": sources, "ports": ports, "protocol": said["protocol"]}


@pytest.mark.parametrize("case", POLICY, ids=lambda case: case.name)
def test_a_policy_says_what_became_of_it(office: Office, case: table.Case) -> None:
    policy = office.team.object("jitpolicies", name_of(case))
    locked = policy.wait_condition("Locked", "True" if case.get("reason") == "Locked" else "False", case.get("reason"))
    for words in case.says:
        assert words in locked["message"], locked["message"]
    machine = office.machines[name_of(case)]
    if case.get("reason") == "Locked":
        assert len(office.team.writes(machine)) == case.get("writes")
        request = office.team.request(machine, name=name_of(case), policy=name_of(case))
        request.wait_state("Active")
    else:
        assert not [rule for rule in office.team.rules(machine, own=True)]


def test_what_is_refused_causes_no_write(office: Office) -> None:
    for case in REFUSED:
        office.requests[name_of(case)].wait_condition("Ready", "False", case.get("reason"))
    for name in table.GIVEN["policies"]:
        assert not office.writes(name), name
        assert not office.team.open_rules(office.machines[name])


def test_what_the_api_server_refuses_gets_nowhere(office: Office) -> None:
    """The same cases as beside the API server alone, this time for good, and the machine that they name is there: nobody
    so much as reads its NSG. A good policy beside them is followed at once."""
    crds = [yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "crds").glob("*.yaml"))]
    sentences = table.Sentences({crd["spec"]["names"]["kind"]: crd for crd in crds})
    door = Team(office.team.world, office.team.world.cluster.namespace("corpus-door"))
    good = table.GIVEN["bases"]["JitPolicy"]
    named = good["targets"][0]["virtualMachine"]
    machine = door.machine(name=named["name"], group=named["resourceGroup"])
    cluster = door.world.cluster
    assert len(AT_THE_DOOR) >= 200
    # Who may anything at all: nothing but the layers themselves stands in the way.
    with cluster.identity("admin").connect() as admin:
        for case in AT_THE_DOOR:
            path = table.collection_path(case.kind, door.namespace) + "?fieldValidation=Strict"
            body = table.body_of(case, table.good_spec(case)).encode()
            answer = wait_for(
                lambda: (got := admin.request("POST", path, body)).status != 503 and got, 20, "an answer", interval=0.3
            )
            table.judge(case, answer, sentences)
    for plural in ("accessrequests", "accessdecisions", "jitpolicies", "accessverdicts"):
        assert door.list(plural) == []
    accounts = cluster.identity("admin").request("GET", f"{API}/cloudaccounts").body["items"]
    assert [each["metadata"]["name"] for each in accounts] == ["prod"]
    assert door.requests(machine) == []
    # None of them would have gone unseen.
    door.policy(name="good", **{key: value for key, value in good.items() if key != "enforcement"})
    assert [(entry["method"], entry["status"]) for entry in door.writes(machine)] == [("PUT", 201)]
    door.leave()
