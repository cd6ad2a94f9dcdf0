"""A team in a namespace of its own, with machines of its own in the shared cloud: what a test acts with."""

import itertools
import json
import math
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any

from world.connect import Laptop
from world.http_json import Answer
from world.process import wait_for
from world.world import World

API = "/apis/portcullis.dev/v1alpha1"
ADDRESSES = {"alice": "203.0.113.7", "carol": "203.0.113.8", "stranger": "198.51.100.66"}
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
FINAL = ("Expired", "Revoked", "Denied", "Withdrawn", "TimedOut", "Failed", "Planned")
# What others have put into an NSG: the everyday, and forms that must come back as they are.
FOREIGN_RULES = [
    {"name": "allow-https", "priority": 400, "access": "Allow", "protocol": "Tcp", "source": "Internet", "ports": 443},
    {"name": "Allow_SSH", "priority": 1000, "access": "Allow", "protocol": "Tcp", "ports": [22, "3000-3389"],
     "description": "left over from the migration"},
    {"name": "deny-old-net", "priority": 3000, "access": "Deny", "sources": ["192.0.2.0/24", "198.18.0.0/15"],
     "ports": "*"},
    {"name": "out", "priority": 400, "access": "Allow", "direction": "Outbound", "ports": "*"},
]
_number = itertools.count(1)


def parse_time(text: str) -> float:
    """Seconds since the epoch."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


@dataclass(frozen=True)
class Machine:
    name: str
    nsg: str  # empty: none
    address: str
    public: str
    address6: str = ""
    nsg_group: str = "net"  # its resource group
    group: str = "web"


class Object:
    """One object of the API, read anew at each question, as admin."""

    def __init__(self, world: World, namespace: str, plural: str, name: str) -> None:
        self._admin = world.cluster.identity("admin")
        self.world, self.namespace, self.plural, self.name = world, namespace, plural, name
        scope = f"/namespaces/{namespace}" if namespace else ""  # empty: of the cluster
        self.path = f"{API}{scope}/{plural}/{name}"

    def get(self) -> dict[str, Any]:
        """Its JSON; empty when there is none."""
        answer = self._admin.request("GET", self.path)
        assert answer.status in (200, 404), f"{self.path}: {answer.status} {answer.message}"
        return answer.body if answer.status == 200 else {}

    @property
    def status(self) -> dict[str, Any]:
        return self.get().get("status") or {}

    @property
    def state(self) -> str:
        return self.status.get("state", "")

    def condition(self, kind: str) -> dict[str, Any]:
        return condition(self.get(), kind)

    def patch(self, change: dict[str, Any], user: str = "admin", allowed: tuple[int, ...] = (200,)) -> Answer:
        client = self.world.cluster.identity(user)
        answer = client.request("PATCH", self.path, change, content_type="application/merge-patch+json")
        assert answer.status in allowed, f"patch of {self.path}: {answer.status} {answer.message}"
        return answer

    def delete(self, user: str = "admin") -> None:
        answer = self.world.cluster.identity(user).request("DELETE", self.path)
        assert answer.status in (200, 202, 404), f"delete of {self.path}: {answer.status} {answer.message}"

    def wait_gone(self, timeout: float = 20) -> None:
        self._wait(lambda: not self.get(), timeout, "gone")

    def wait_state(self, *states: str, timeout: float = 20) -> dict[str, Any]:
        """Waits for one of the states; what the object was then. Another final state fails at once."""

        def look() -> dict[str, Any] | None:
            seen = self.get()
            state = (seen.get("status") or {}).get("state", "")
            assert state in states or state not in FINAL, f"{self.name} is {state}: {seen['status'].get('message')}"
            return seen if state in states else None

        return self._wait(look, timeout, " or ".join(states))

    def wait_condition(self, kind: str, status: str, reason: str | None = None, timeout: float = 20) -> dict[str, Any]:
        """Waits until it says so of its newest spec; what the condition was then."""

        def look() -> dict[str, Any] | None:
            seen = self.get()
            found = condition(seen, kind)
            fits = found.get("status") == status and reason in (None, found.get("reason"))
            current = found.get("observedGeneration", 0) >= seen["metadata"]["generation"]
            return found if fits and current else None

        return self._wait(look, timeout, f"{kind}={status} {reason or ''}")

    def events(self, uid: str = "") -> list[dict[str, Any]]:
        """The Events about it, oldest first; uid: of one that is gone."""
        uid = uid or self.get()["metadata"]["uid"]
        path = f"/apis/events.k8s.io/v1/namespaces/{self.namespace or 'default'}/events"
        events = self._admin.request("GET", path).body["items"]
        mine = [event for event in events if event["regarding"].get("uid") == uid]
        return sorted(mine, key=lambda event: event["eventTime"])

    def _wait(self, check: Any, timeout: float, what: str) -> Any:
        try:
            return wait_for(check, timeout, f"{self.plural}/{self.name} {what}", interval=0.15)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {json.dumps(self.get().get('status'), indent=1)}") from None


def slot_of(rule: dict[str, Any]) -> tuple[str, ...]:
    until = re.search(r"until=(\S+)", rule["description"])
    assert until, rule["description"]
    minute = math.ceil(parse_time(until[1]) / 60)
    return rule["destinationAddressPrefix"], rule["destinationPortRange"], rule["protocol"], str(minute)


# What can be asked about a machine and its NSG, as the tables of tests/corpus call it: the method, and what is found in
# the path.
ASKED = {
    "vm": ("GET", r"/virtualMachines/MACHINE\?"),
    "nic": ("GET", r"/networkInterfaces/NIC\?"),
    "public": ("GET", r"/publicIPAddresses/NIC-pip\?"),
    "nsg": ("GET", r"/networkSecurityGroups/NSG\?"),
    "put": ("PUT", "/networkSecurityGroups/NSG/securityRules/"),
    "delete": ("DELETE", "/networkSecurityGroups/NSG/securityRules/"),
    "poll": ("GET", r"/poll/MACHINE\?"),
}


@dataclass
class Scene:
    """What one row of a table is played on: a machine of its own, in an NSG with as many rules of others as it says."""

    row: dict[str, Any]
    team: "Team"
    other: str  # the address of a server that must never be asked
    number: int
    machine: Machine = field(init=False)
    policy: Object = field(init=False)
    request: Object | None = None

    def __post_init__(self) -> None:
        count = self.row.get("foreign")
        rules = None if count is None else [
            {"name": f"rule-{number}", "priority": 1000 + number, "access": "Deny", "ports": 9} for number in range(count)
        ]
        self.machine = self.team.machine(rules=rules, nsg_group=self.group, packets=False)

    @property
    def group(self) -> str:
        """The NSG's resource group."""
        return "net"

    @property
    def name(self) -> str:
        return f"row-{self.number}"

    def fill(self, text: str) -> str:
        """The text with the row's own names in it."""
        names = {
            "MACHINE": self.machine.name, "NSG": self.machine.nsg, "NIC": self.machine.nsg.replace("nsg", "nic"),
            "GROUP": self.group, "SUBSCRIPTION": SUBSCRIPTION, "BASE": self.team.lab.arm, "OTHER": self.other,
        }
        for word, value in names.items():
            text = re.sub(rf"(?<![A-Z]){word}(?![A-Z])", value, text)
        return text

    def says(self) -> list[str]:
        return [self.fill(words) for words in self.row.get("says", [])]

    def faults(self, by: dict[str, Any]) -> list[dict[str, Any]]:
        """How the lab misbehaves, by what is asked."""
        return [
            {"id": f"{self.name}-{asked}", "match": {"method": ASKED[asked][0], "path": self.fill(ASKED[asked][1])},
             "times": self.row.get("times", -1), "action": json.loads(self.fill(json.dumps(action)))}
            for asked, action in by.items()
        ]

    def make_policy(self, **spec: Any) -> None:
        self.policy = self.team.policy(self.machine, name=self.name, wait=False, **spec)


def condition(seen: dict[str, Any], kind: str) -> dict[str, Any]:
    conditions = (seen.get("status") or {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})


class Team:
    """One namespace. Alice may ask under all its policies, carol too; nobody else may anything."""

    def __init__(self, world: World, namespace: str) -> None:
        self.world, self.lab, self.namespace = world, world.lab, namespace
        self.machines: list[Machine] = []
        for user in ("alice", "carol", "mallory"):
            world.cluster.user(user, ["engineers"])
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "requesters"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "portcullis-requester"},
            "subjects": [{"kind": "User", "name": name} for name in ("alice", "carol")],
        }
        self._create("admin", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)

    # --- the cloud --------------------------------------------------------------------------------------------

    def machine(
        self, rules: list[dict[str, Any]] | None = None, nsg: bool = True, group: str = "web", name: str = "",
        ipv6: bool = False, tags: dict[str, str] | None = None, nsg_group: str = "net", packets: bool = True,
    ) -> Machine:
        """A new machine with a public address, listening on 22, 443 and 3389, behind an NSG of its own.

        packets: False for one of many, to which nobody connects; the lab's judge knows it all the same.
        """
        number = next(_number)
        made = Machine(
            name=name or f"vm-{number}", nsg=f"nsg-{number}" if nsg else "",
            address=f"10.1.{number // 200}.{number % 200 + 10}", public=f"20.60.{number // 200}.{number % 200 + 10}",
            address6=f"fd00:0:0:1::{number:x}" if ipv6 else "", nsg_group=nsg_group,
            group=group,
        )
        nic: dict[str, Any] = {"name": f"nic-{number}", "subnet": "net/vnet/hosts", "publicIP": made.public}
        nic["ip"] = [made.address, made.address6] if ipv6 else made.address
        if nsg:
            self.lab.put_group(nsg_group, made.nsg, FOREIGN_RULES if rules is None else rules)
            nic["nsg"] = f"{nsg_group}/{made.nsg}"
        form = {"listens": [22, 443, 3389], "nics": [nic], "tags": tags or {}, "packets": packets}
        self.lab.put_machine(group, made.name, form)
        self.machines.append(made)
        return made

    def rules(self, machine: Machine, own: bool | None = None) -> list[dict[str, Any]]:
        """The rules of its NSG in order, as name and properties; own: only ours, or only others'."""
        rules = self.lab.nsg(machine.nsg_group, machine.nsg)["properties"]["securityRules"]
        return [
            {"id": rule["id"], "name": rule["name"], "properties": rule["properties"]}
            for rule in rules
            if own is None or rule["name"].startswith("portcullis-") == own
        ]

    def open_rules(self, machine: Machine) -> list[dict[str, Any]]:
        return [rule for rule in self.rules(machine, own=True) if "-open-" in rule["name"]]

    def slots(self, machine: Machine) -> list[tuple[str, ...]]:
        """What each open rule is for: where to, ports, protocol, and the minute of its end. No two may be the same."""
        return sorted(slot_of(rule["properties"]) for rule in self.open_rules(machine))

    def requests(self, machine: Machine) -> list[dict[str, Any]]:
        """What was asked of ARM about its NSG, oldest first."""
        part = f"/networksecuritygroups/{machine.nsg}/"
        return [entry for entry in self.lab.requests() if part in entry["path"].lower().split("?")[0] + "/"]

    def writes(self, machine: Machine) -> list[dict[str, Any]]:
        return [entry for entry in self.requests(machine) if entry["method"] in ("PUT", "PATCH", "DELETE", "POST")]

    def laptop(self, name: str) -> Laptop:
        return self.world.laptop(name, ADDRESSES[name])

    def connect(self, who: str, machine: Machine, port: int) -> str:
        return self.laptop(who).connect(machine.name, machine.public, port, timeout=1.5)

    def refused_while(self, over: Event, who: str, machine: Machine) -> list[float]:
        """When a flow of theirs to port 22 would have been refused, looked at all the while until it is over."""
        refused = []
        while not over.is_set():
            if not self.lab.connect(ADDRESSES[who], machine.name, 22)["allowed"]:
                refused.append(time.time())
            over.wait(0.03)
        return refused

    # --- objects ----------------------------------------------------------------------------------------------

    def policy(self, *machines: Machine, name: str = "ssh", wait: bool = True, **spec: Any) -> Object:
        """A policy for TCP/22 of the machines; with wait it is Ready when this returns."""
        port = {"port": 22, "protocol": "TCP", "maxDuration": "1h", "allowedSources": ["203.0.113.0/24"]}
        body = {
            "accountRef": {"name": "prod"},
            "targets": [{"virtualMachine": {"resourceGroup": "web", "name": each.name}} for each in machines],
            "ports": [port | spec.pop("port", {})],
            "enforcement": "Enforce",
        }
        made = self._make("admin", "JitPolicy", "jitpolicies", name, body | spec)
        if wait:
            made.wait_condition("Ready", "True")
        return made

    def request(
        self, *machines: Machine, name: str = "request", policy: str = "ssh", user: str = "alice", **spec: Any
    ) -> Object:
        """A request of this user for TCP/22 from their laptop."""
        body = {
            "policyRef": {"name": policy},
            "targets": [each.name for each in machines],
            "ports": [{"port": 22, "protocol": "TCP"}],
            "sources": [f"{ADDRESSES.get(user, ADDRESSES['alice'])}/32"],
            "duration": "10m",
            "reason": "INC-4711 disk full",
        }
        body |= spec
        return self._make(user, "AccessRequest", "accessrequests", name, {k: v for k, v in body.items() if v is not None})

    def object(self, plural: str, name: str) -> Object:
        return Object(self.world, self.namespace, plural, name)

    def list(self, plural: str) -> list[dict[str, Any]]:
        path = f"{API}/namespaces/{self.namespace}/{plural}"
        return self.world.cluster.identity("admin").request("GET", path).body["items"]

    def verdict(self, request: Object) -> dict[str, Any]:
        return self.object("accessverdicts", request.get()["metadata"]["uid"]).get()

    def kubectl(self, user: str, *args: str, check: bool = True) -> Any:
        return self.world.cluster.kubectl(user, *args, "-n", self.namespace, check=check)

    def leave(self) -> None:
        """Deletes the policies; what of ours is left in the NSGs then is an error of the operator.

        Then the machines go, or each test would work in a larger cloud than the one before.
        """
        policies = [self.object("jitpolicies", each["metadata"]["name"]) for each in self.list("jitpolicies")]
        for policy in policies:
            spec = policy.get()["spec"]
            if spec["onDelete"] == "KeepLocks" and spec["accountRef"]["name"] == "prod":
                policy.patch({"spec": {"onDelete": "Unlock"}})
            policy.delete()
        for policy in policies:
            policy.wait_gone(timeout=90)  # the longest pause of one who lost sight of the API server, and then some
        for machine in self.machines:
            left = self.rules(machine, own=True) if machine.nsg else []
            assert not left, f"rules left in {machine.nsg} after all policies went: {left}"
        for machine in self.machines:
            self.lab.remove_machine(machine.group, machine.name)
            if machine.nsg:
                self.lab.remove_group(machine.nsg_group, machine.nsg)
        self.machines.clear()

    def _make(self, user: str, kind: str, plural: str, name: str, spec: dict[str, Any]) -> Object:
        body = {
            "apiVersion": "portcullis.dev/v1alpha1", "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        }
        path = f"{API}/namespaces/{self.namespace}/{plural}?fieldValidation=Strict"
        self._create(user, path, body)
        return self.object(plural, name)

    def _create(self, user: str, path: str, body: dict[str, Any]) -> None:
        """A 503 is how the API server says that it has not loaded the stamping policy yet."""

        def create() -> Answer | None:
            answer = self.world.cluster.identity(user).request("POST", path, body)
            return None if answer.status == 503 else answer

        answer = wait_for(create, 20, f"POST {path} answered", interval=0.3)
        assert answer.status == 201, f"{user}: {path}: {answer.status} {answer.message}"
