"""The API as its users meet it: who they are, and short ways to send what kubectl would send."""

import copy
import itertools
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from world.assets import REPOSITORY
from world.controlplane import ControlPlane
from world.process import wait_for
from world.users import Answer, User

GROUP = "portcullis.dev"
OPERATOR = "system:serviceaccount:portcullis-system:portcullis"


@pytest.fixture(scope="session")
def crds() -> dict[str, dict[str, Any]]:
    """The CRDs of the repository by kind."""
    found = [yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "crds").glob("*.yaml"))]
    return {crd["spec"]["names"]["kind"]: crd for crd in found}


@dataclass(frozen=True)
class Client:
    """One user in one namespace. Every call is one HTTP request; any status is an answer."""

    user: User
    namespace: str
    kinds: dict[str, dict[str, Any]]

    def plural(self, kind: str) -> str:
        return self.kinds[kind]["spec"]["names"]["plural"]

    def path(self, kind: str, name: str = "", sub: str = "") -> str:
        spec = self.kinds[kind]["spec"]
        scope = f"/namespaces/{self.namespace}" if spec["scope"] == "Namespaced" else ""
        tail = "".join(f"/{part}" for part in (name, sub) if part)
        return f"/apis/{GROUP}/v1alpha1{scope}/{spec['names']['plural']}{tail}"

    def create(
        self,
        kind: str,
        name: str,
        spec: dict,
        metadata: dict | None = None,
        query: str = "",
        headers: dict | None = None,
    ) -> Answer:
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "spec": spec}
        body["metadata"] = {"name": name} | (metadata or {})
        return self.user.request("POST", f"{self.path(kind)}?fieldValidation=Strict{query}", body, headers=headers)

    def get(self, kind: str, name: str) -> Any:
        answer = self.user.request("GET", self.path(kind, name))
        return answer.body if answer.status == 200 else None

    def patch(self, kind: str, name: str, change: Any, sub: str = "", query: str = "") -> Answer:
        """A merge patch, or a JSON patch where the change is a list."""
        content = "application/json-patch+json" if isinstance(change, list) else "application/merge-patch+json"
        path = f"{self.path(kind, name, sub)}?fieldValidation=Strict{query}"
        return self.user.request("PATCH", path, change, content_type=content)

    def apply(self, kind: str, name: str, content: dict, sub: str = "", manager: str = "test") -> Answer:
        """Server-side apply with force."""
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": name}} | content
        path = f"{self.path(kind, name, sub)}?fieldManager={manager}&force=true&fieldValidation=Strict"
        return self.user.request("PATCH", path, body, content_type="application/apply-patch+yaml")

    def put(self, kind: str, body: dict, sub: str = "") -> Answer:
        return self.user.request("PUT", self.path(kind, body["metadata"]["name"], sub), body)

    def delete(self, kind: str, name: str, query: str = "", headers: dict | None = None) -> Answer:
        return self.user.request("DELETE", self.path(kind, name) + query, headers=headers)


@pytest.fixture(scope="session")
def client(cluster: ControlPlane, crds: dict) -> Callable[[str, str], Client]:
    """client("alice", "team-a"): this user in this namespace."""
    cluster.service_account("portcullis-system", "portcullis")
    return lambda user, namespace: Client(cluster.identity(OPERATOR if user == "operator" else user), namespace, crds)


@pytest.fixture(scope="session")
def client_for(crds: dict) -> Callable[[ControlPlane, str, str], Client]:
    """The same on another control plane than the common one."""
    return lambda cluster, user, namespace: Client(
        cluster.identity(OPERATOR if user == "operator" else user), namespace, crds
    )


@pytest.fixture(scope="session")
def people(cluster: ControlPlane) -> None:
    """alice asks, bob approves; carol and mallory hold no verb of ours."""
    cluster.user("alice", ["engineers"])
    cluster.user("bob", ["engineers", "approvers"])
    cluster.user("carol", ["meddlers"], uid="u-carol")
    cluster.user("mallory", ["engineers"])


@pytest.fixture(scope="session")
def team_of(cluster: ControlPlane, people: None, allowed: Callable) -> Callable[[str], str]:
    """Gives those people their rights in the namespace; returns its name."""

    def give(namespace: str) -> str:
        cluster.apply(_RIGHTS.replace("NAMESPACE", namespace))
        _wait_for_rights(allowed, namespace)
        return namespace

    return give


@pytest.fixture
def team(team_of: Callable, namespace: str) -> str:
    """A namespace in which those people have their rights."""
    return team_of(namespace)


def _wait_for_rights(allowed: Callable, namespace: str) -> None:
    """The server learns of new bindings a moment after it has stored them."""
    for user, verb, resource in (
        ("mallory", "create", "accessrequests"),
        ("bob", "request", "jitpolicies"),
        ("bob", "revoke", "jitpolicies"),
    ):
        wait_for(
            lambda asked=(user, verb, resource): allowed(*asked, namespace, "prod-ssh"),
            10,
            f"{user} may {verb} {resource}",
            interval=0.02,
        )


@pytest.fixture(scope="session")
def allowed(cluster: ControlPlane) -> Callable[..., bool]:
    """allowed(user, verb, resource, namespace, name): the API server's word (SubjectAccessReview)."""

    def ask(
        user: str,
        verb: str,
        resource: str,
        namespace: str = "",
        name: str = "",
        group: str = GROUP,
        groups: Sequence[str] = (),
    ) -> bool:
        plural, _, sub = resource.partition("/")
        what = {"group": group, "resource": plural, "subresource": sub, "verb": verb}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user,
                "groups": list(groups),
                "resourceAttributes": what | {"namespace": namespace, "name": name},
            },
        }
        answer = cluster.identity("admin").request(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review
        )
        assert answer.status == 201, answer.message
        return answer.body["status"]["allowed"]

    return ask


_numbers = itertools.count()


@pytest.fixture(scope="session")
def allow(cluster: ControlPlane, allowed: Callable) -> Callable[..., None]:
    """allow(user, verb, resource, namespace): gives the right, and returns when the server knows of it.

    Without a namespace, in all of them; with a name, on that object only.
    """

    def give(user: str, verb: str, resource: str, namespace: str = "", name: str = "") -> None:
        scope = "" if namespace else "Cluster"
        rule = {"apiGroups": [GROUP], "resources": [resource], "verbs": [verb]} | (
            {"resourceNames": [name]} if name else {}
        )
        metadata = {"name": f"given-{next(_numbers)}"} | ({"namespace": namespace} if namespace else {})
        api = "rbac.authorization.k8s.io"
        common = {"apiVersion": f"{api}/v1", "metadata": metadata}
        role = common | {"kind": f"{scope}Role", "rules": [rule]}
        binding = common | {
            "kind": f"{scope}RoleBinding",
            "roleRef": {"apiGroup": api, "kind": f"{scope}Role", "name": metadata["name"]},
            "subjects": [{"apiGroup": api, "kind": "User", "name": user}],
        }
        cluster.apply(yaml.safe_dump_all([role, binding]))
        wait_for(lambda: allowed(user, verb, resource, namespace, name), 10, f"{user} may {verb}", interval=0.02)

    return give


# Who may write objects at all is RBAC's; carol's and mallory's rights are wide on purpose, so that the guards answer.
_RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: objects, namespace: NAMESPACE}
rules:
- apiGroups: [portcullis.dev]
  resources: ["*"]
  verbs: [get, list, watch, create, update, patch, delete, deletecollection]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: objects, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: objects}
subjects:
- {kind: User, name: alice}
- {kind: User, name: bob}
- {kind: User, name: carol}
- {kind: User, name: mallory}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ask, namespace: NAMESPACE}
rules:
- {apiGroups: [portcullis.dev], resources: [jitpolicies], resourceNames: [prod-ssh], verbs: [request]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ask, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ask}
subjects: [{kind: User, name: alice}, {kind: User, name: bob}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: approve, namespace: NAMESPACE}
rules:
- {apiGroups: [portcullis.dev], resources: [jitpolicies], resourceNames: [prod-ssh], verbs: [approve, revoke]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: approve, namespace: NAMESPACE}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: approve}
subjects: [{kind: User, name: bob}]
"""

_BASES = {
    "AccessRequest": {
        "policyRef": {"name": "prod-ssh"},
        "targets": ["web-1"],
        "ports": [{"port": 22, "protocol": "TCP"}],
        "sources": ["203.0.113.7/32"],
        "duration": "45m",
        "reason": "INC-4711 disk full",
    },
    "AccessDecision": {
        "requestRef": {"name": "ssh-1", "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110001"},
        "policyName": "prod-ssh",
        "decision": "Approve",
    },
    "AccessVerdict": {
        "outcome": "Refused",
        "reason": "NoSuchPolicy",
        "requestRef": {"name": "ssh-1", "uid": "9c1e4c1e-0000-4000-8000-1d6c9a110001"},
        "requester": "alice",
    },
    "JitPolicy": {
        "accountRef": {"name": "prod"},
        "targets": [{"virtualMachine": {"resourceGroup": "web", "name": "web-1"}}],
        "enforcement": "Enforce",
    },
    "CloudAccount": {
        "provider": "Azure",
        "azure": {
            "subscriptionID": "11111111-2222-4333-8444-555555555555",
            "tenantID": "22222222-3333-4444-8555-666666666666",
        },
        "access": [{"namespaces": ["team-a"], "resourceGroups": ["web"]}],
    },
}


@pytest.fixture(scope="session")
def merge() -> Callable[[Any, Any], Any]:
    """JSON merge patch (RFC 7396)."""
    return _merge


def _merge(target: Any, change: Any) -> Any:
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


@pytest.fixture(scope="session")
def spec() -> Callable[..., dict]:
    """spec("AccessRequest", duration="1h"): a good spec with these parts changed (merged); None removes."""
    return lambda kind, **change: _merge(_BASES[kind], change)


@pytest.fixture
def new_uid() -> Callable[[], str]:
    return lambda: str(uuid.uuid4())


@pytest.fixture
def asked(client, team, spec) -> dict:
    created = client("alice", team).create("AccessRequest", "ssh", spec("AccessRequest"), {"labels": {"theirs": "1"}})
    assert created.status == 201, created.message
    return created.body


@pytest.fixture
def decided(client, team, spec, asked) -> dict:
    reference = {"name": "ssh", "uid": asked["metadata"]["uid"]}
    created = client("bob", team).create("AccessDecision", "ssh.bob", spec("AccessDecision", requestRef=reference))
    assert created.status == 201, created.message
    return created.body


@pytest.fixture
def verdict(client, team, spec, asked) -> dict:
    uid = asked["metadata"]["uid"]
    created = client("operator", team).create(
        "AccessVerdict", uid, spec("AccessVerdict", requestRef={"name": "ssh", "uid": uid})
    )
    assert created.status == 201, created.message
    return created.body


@pytest.fixture(scope="session")
def refused() -> Callable[..., None]:
    """refused(answer, "a sentence", ...): it was forbidden, in these words."""
    return _refused


def _refused(answer: Answer, *sentences: str) -> None:
    assert answer.status == 403, answer.message
    assert answer.body["reason"] == "Forbidden"
    for sentence in sentences:
        assert sentence in answer.message


@pytest.fixture(scope="session")
def unstamped(cluster: ControlPlane, team_of: Callable, client: Callable) -> str:
    """A namespace in which no mutating policy works, as on servers before 1.36."""
    name = team_of(cluster.namespace("no-mutating-policies"))
    admin, path = cluster.identity("admin"), "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings"
    elsewhere = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [name]}]}
    bindings = [item["metadata"]["name"] for item in admin.request("GET", path).body["items"]]
    ours = [binding for binding in bindings if binding.startswith("portcullis-")]
    assert ours
    for binding in ours:
        change = {"spec": {"matchResources": {"namespaceSelector": elsewhere}}}
        answer = admin.request("PATCH", f"{path}/{binding}", change, content_type="application/merge-patch+json")
        assert answer.status == 200, answer.message
    alice, operator = client("alice", name), client("operator", name)

    def all_are_off() -> bool:
        """Stamps of all kinds are gone, and what is put back on updates stays changed (tried on a decision)."""
        request = alice.create("AccessRequest", "probe", _BASES["AccessRequest"], query="&dryRun=All")
        decision = alice.create("AccessDecision", "probe", _BASES["AccessDecision"], query="&dryRun=All")
        verdict = operator.create(
            "AccessVerdict",
            _BASES["AccessVerdict"]["requestRef"]["uid"],
            _BASES["AccessVerdict"],
            query="&dryRun=All",
        )
        return all(
            answer.status == 403
            and re.search(r"(requester|author)\.username must be|spec\.by must be", answer.message)
            for answer in (request, decision, verdict)
        )

    wait_for(all_are_off, 20, f"no mutating policy in {name}", interval=0.1)
    return name


def table(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / name).read_text())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `case` runs once for each case of the table that its module names in TABLE."""
    if "case" in metafunc.fixturenames and hasattr(metafunc.module, "TABLE"):
        cases = metafunc.module.cases(table(metafunc.module.TABLE))
        metafunc.parametrize("case", [case for _, case in cases], ids=[name for name, _ in cases])


@pytest.fixture(scope="module")
def whole_table(request: pytest.FixtureRequest) -> Any:
    return table(request.module.TABLE)
