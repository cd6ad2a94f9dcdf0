"""What is measured: a control plane with an audit log, a cloud of machines with an NSG each, and the operator."""

import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from world import cleanup
from world.process import wait_for
from world.users import User
from world.world import OPERATOR_NAMESPACE, World

API = "/apis/portcullis.dev/v1alpha1"
NAMESPACE = "bench"
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
_REQUESTERS = 10  # a policy lets one of them have 24 h of access in a day, and 100 grants
_CONNECTIONS_REST = 30.0  # seconds: by then those that a burst needed are closed
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, update, patch, delete]
  resources: [{group: portcullis.dev}]
- level: None
"""
_ACCOUNT = f"""\
apiVersion: portcullis.dev/v1alpha1
kind: CloudAccount
metadata: {{name: prod}}
spec:
  provider: Azure
  azure:
    subscriptionID: {SUBSCRIPTION}
    tenantID: 22222222-2222-4222-8222-222222222222
    credential: ClientSecret
    clientID: 33333333-3333-4333-8333-333333333333
  access: [{{namespaces: ["*"], resourceGroups: [web]}}]
  networkResourceGroups: [net]
"""


def seconds_of(text: str) -> float:
    """Since the epoch."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


@dataclass(frozen=True)
class ObjectWrite:
    """One write to an object of ours, as the API server recorded it."""

    user: str
    verb: str
    resource: str  # with the subresource: accessrequests/status
    name: str
    code: int
    begun: float
    done: float


@dataclass(frozen=True)
class Asked:
    """An AccessRequest that was made."""

    name: str
    uid: str
    group: int  # the number of the NSG
    source: str


class Stage:
    """A context manager. Groups are NSGs, each with one machine behind it and one policy for that."""

    def __init__(self, groups: int, own_ports: bool = False, one_source: bool = False) -> None:
        """own_ports: each request of a group is for another port, so it has a rule of its own. one_source: all come
        from one address, so one rule lets in all of a group that end together."""
        self.groups, self._own_ports, self._one_source = groups, own_ports, one_source
        folder = cleanup.temporary_folder("bench")
        self._audit_log = folder / "audit.log"
        policy = folder / "audit-policy.yaml"
        policy.write_text(_AUDIT_POLICY)
        flags = (f"--audit-policy-file={policy}", f"--audit-log-path={self._audit_log}")
        # Neither the cloud nor the operator keeps Azure's limits: what is measured is what it does without waiting.
        self.world = World(
            self._seed(), dataplane="none", operator_flags=("--identity=bench", "--azure-budget=10000"),
            api_server_flags=flags,
        )
        self.lab = self.world.lab
        self._audit_read = 0
        self._object_writes: list[ObjectWrite] = []
        self._numbers = itertools.count()
        self._users: list[User] = []

    def __enter__(self) -> "Stage":
        self.world.start()
        cluster = self.world.cluster
        cluster.apply(_ACCOUNT)
        cluster.namespace(NAMESPACE)
        for number in range(_REQUESTERS):
            cluster.user(f"user-{number}", ["engineers"])
            self._users.append(cluster.identity(f"user-{number}"))
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "requesters"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "portcullis-requester"},
            "subjects": [{"kind": "Group", "name": "engineers"}],
        }
        self._admin("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/rolebindings", binding)
        for number in range(self.groups):
            self._make_policy(number)
        wait_for(self._policies_are_ready, 120, "all policies ready", interval=0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self.world.stop()

    # --- doing ------------------------------------------------------------------------------------------------

    def ask_many(self, count: int, duration: str, callers: int = 8) -> list[Asked]:
        """So many requests, spread over all groups, as fast as they are taken."""
        jobs = self._next_jobs([number % self.groups for number in range(count)])
        shares = [jobs[start::callers] for start in range(callers)]
        with ThreadPoolExecutor(callers) as pool:
            parts = pool.map(lambda share: list(self._ask_in_turn(share, duration)), shares)
            return [asked for part in parts for asked in part]

    def asker(self, duration: str) -> Callable[[int], Asked]:
        """Asks for one group at a time; the connections stay open between."""
        connections: dict[int, Any] = {}

        def ask(group: int) -> Asked:
            return self._ask_one(*self._next_jobs([group])[0], duration, connections)

        return ask

    # --- looking ----------------------------------------------------------------------------------------------

    @property
    def operator(self) -> Any:
        return self.world.operator

    def in_state(self, state: str) -> int:
        return int(self.operator.metrics().get(f'portcullis_requests{{state="{state}"}}', -1))

    def wait_in_state(self, state: str, count: int, timeout: float) -> None:
        wait_for(lambda: self.in_state(state) >= count, timeout, f"{count} requests {state}", interval=0.25)

    def object_writes(self) -> list[ObjectWrite]:
        """All writes to objects of ours, dry runs of the guards' proof left out."""
        with open(self._audit_log) as log:
            log.seek(self._audit_read)
            while (line := log.readline()).endswith("\n"):
                self._audit_read = log.tell()
                event = json.loads(line)
                if event["objectRef"].get("namespace") != OPERATOR_NAMESPACE:
                    self._object_writes.append(_object_write(event))
        return self._object_writes

    def operators_writes(self) -> list[ObjectWrite]:
        return [write for write in self.object_writes() if write.user.startswith("system:serviceaccount:")]

    def requests(self) -> dict[str, dict[str, Any]]:
        """All AccessRequests by name."""
        items = self._admin("GET", f"{API}/namespaces/{NAMESPACE}/accessrequests", timeout=120)["items"]
        return {item["metadata"]["name"]: item for item in items}

    def settle(self, quiet: float = 5, timeout: float = 120) -> None:
        """Waits until nobody has written anything, here or there, for some seconds: no event tells that nobody will."""
        last: tuple[int, int] = (-1, -1)
        since = deadline = time.monotonic()
        deadline += timeout
        while time.monotonic() - since < quiet:
            now = (len(self.operators_writes()), len(self.lab.writes()))
            if now != last:
                last, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise TimeoutError(f"writes go on although nobody does anything: {now}")
            time.sleep(0.5)

    def memory(self) -> float:
        """Resident memory of the operator, MiB."""
        return _status_of(self.operator.process.pid, "VmRSS") / 1024

    def memory_at_rest(self) -> float:
        """The median of half a minute, MiB, some time after whatever was before."""
        time.sleep(_CONNECTIONS_REST)
        looks = []
        for _ in range(30):
            looks.append(self.memory())
            time.sleep(1)
        return statistics.median(looks)

    def peak_memory(self) -> float:
        return _status_of(self.operator.process.pid, "VmHWM") / 1024

    def cpu_seconds(self) -> float:
        """That the operator has used."""
        fields = Path(f"/proc/{self.operator.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # ----------------------------------------------------------------------------------------------------------

    def _seed(self) -> dict[str, Any]:
        numbers = range(self.groups)
        rules = [
            {"name": "allow-https", "priority": 400, "access": "Allow", "protocol": "Tcp", "source": "Internet",
             "ports": 443},
            {"name": "allow-ssh", "priority": 1000, "access": "Allow", "protocol": "Tcp", "ports": 22},
        ]
        return {
            "subscription": SUBSCRIPTION,
            "tenant": "22222222-2222-4222-8222-222222222222",
            "clients": [{"name": "office", "addresses": ["198.18.0.1"]}],
            "nsgs": [{"resourceGroup": "net", "name": f"nsg-{number}", "rules": rules} for number in numbers],
            "networks": [
                {"resourceGroup": "net", "name": "vnet", "subnets": [{"name": "hosts", "prefixes": ["10.1.0.0/16"]}]}
            ],
            "vms": [
                {"resourceGroup": "web", "name": f"vm-{number}", "listens": [22],
                 "nics": [{"name": f"nic-{number}", "subnet": "vnet/hosts", "nsg": f"nsg-{number}",
                           "ip": f"10.1.{number // 200}.{number % 200 + 10}"}]}
                for number in numbers
            ],
            "settings": {"latency": "0s", "operationTime": "0s", "retryAfter": "0s", "throttling": False},
        }

    def _make_policy(self, number: int) -> None:
        port: dict[str, Any] = {"port": 22, "protocol": "TCP", "maxDuration": "1h"}
        if self._own_ports:
            port |= {"port": 1000, "endPort": 1999}
        body = {
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "JitPolicy",
            "metadata": {"name": f"policy-{number}", "namespace": NAMESPACE},
            "spec": {
                "accountRef": {"name": "prod"},
                "targets": [{"virtualMachine": {"resourceGroup": "web", "name": f"vm-{number}"}}],
                "ports": [port],
                "enforcement": "Enforce",
                "limits": {"activePerRequester": 100, "active": 1000, "totalDuration": "24h"},
            },
        }
        self._admin("POST", f"{API}/namespaces/{NAMESPACE}/jitpolicies", body)

    def _policies_are_ready(self) -> bool:
        items = self._admin("GET", f"{API}/namespaces/{NAMESPACE}/jitpolicies")["items"]
        ready = [
            any(each["type"] == "Ready" and each["status"] == "True" for each in item.get("status", {}).get("conditions", []))
            for item in items
        ]
        return len(ready) == self.groups and all(ready)

    def _next_jobs(self, groups: Sequence[int]) -> list[tuple[int, int]]:
        """A number for each request, with its group."""
        return [(next(self._numbers), group) for group in groups]

    def _ask_in_turn(self, jobs: Sequence[tuple[int, int]], duration: str) -> Iterator[Asked]:
        connections: dict[int, Any] = {}
        for number, group in jobs:
            yield self._ask_one(number, group, duration, connections)

    def _ask_one(self, number: int, group: int, duration: str, connections: dict[int, Any]) -> Asked:
        # Odd addresses only: two neighbours would become one prefix, and could not be told apart any more.
        source = f"198.{18 + number // 32768}.{number // 128 % 256}.{number % 128 * 2 + 1}"
        if self._one_source:
            source = "198.18.0.1"
        port = 1000 + number // self.groups if self._own_ports else 22
        body = {
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest",
            "metadata": {"name": f"request-{number}", "namespace": NAMESPACE},
            "spec": {
                "policyRef": {"name": f"policy-{group}"}, "targets": [f"vm-{group}"],
                "ports": [{"port": port, "protocol": "TCP"}], "sources": [f"{source}/32"],
                "duration": duration, "reason": "INC-4711 disk full",
            },
        }
        who = number // self.groups % _REQUESTERS
        connection = connections.get(who)
        if connection is None:
            connection = connections[who] = self._users[who].connect()
        path = f"{API}/namespaces/{NAMESPACE}/accessrequests"
        answer = connection.request("POST", path, body)
        if answer.status != 201:
            raise RuntimeError(f"request-{number}: {answer.status} {answer.message}")
        made = answer.body["metadata"]
        return Asked(made["name"], made["uid"], group, source)

    def _admin(self, method: str, path: str, body: Any = None, timeout: float = 30) -> Any:
        answer = self.world.cluster.identity("admin").request(method, path, body, timeout=timeout)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.message}")
        return answer.body


def _object_write(event: dict[str, Any]) -> ObjectWrite:
    about = event["objectRef"]
    return ObjectWrite(
        user=event["user"]["username"],
        verb=event["verb"],
        resource=about["resource"] + (f"/{about['subresource']}" if about.get("subresource") else ""),
        name=about.get("name", ""),
        code=event["responseStatus"]["code"],
        begun=seconds_of(event["requestReceivedTimestamp"]),
        done=seconds_of(event["stageTimestamp"]),
    )


def _status_of(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)
