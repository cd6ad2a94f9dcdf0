"""The admission policies weaken, come back, or were away while nobody looked: a name that was only typed opens nothing."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from team import ADDRESSES, API, Object, Team, condition
from world.guards import wait_for_guards
from world.process import wait_for
from world.world import World

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CHECK = "validatingadmissionpolicybindings/portcullis-request-create"
STAMP = "mutatingadmissionpolicybindings/portcullis-stamp-requester"
SETTLES = 5  # seconds after a lapse in which what is made is not trusted yet


class Guards:
    """The admission objects of the shared world; whatever a test does to them is undone after it."""

    def __init__(self, world: World) -> None:
        self._admin = world.cluster.identity("admin")
        self._whole: dict[str, dict[str, Any]] = {}

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self._admin.request("GET", f"{ADMISSION}/{path}")
        return answer.body if answer.status == 200 else None

    def keep(self, path: str) -> None:
        if path not in self._whole:
            seen = self.get(path)
            assert seen, path
            self._whole[path] = {
                "apiVersion": seen["apiVersion"], "kind": seen["kind"],
                "metadata": {"name": seen["metadata"]["name"]}, "spec": seen["spec"],
            }

    def patch(self, path: str, spec: dict[str, Any]) -> None:
        self.keep(path)
        change = {"spec": spec}
        # Under a name of its own: what it adds and takes away again leaves no time in managedFields.
        where = f"{ADMISSION}/{path}?fieldManager=passer-by"
        answer = self._admin.request("PATCH", where, change, "application/merge-patch+json")
        assert answer.status == 200, answer.message

    def leave_out(self, path: str, namespace: str) -> None:
        key = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
        self.patch(path, {"matchResources": {"namespaceSelector": {"matchExpressions": [key]}}})

    def delete(self, path: str) -> None:
        self.keep(path)
        answer = self._admin.request("DELETE", f"{ADMISSION}/{path}")
        assert answer.status == 200, answer.message

    def restore(self) -> None:
        for path, whole in self._whole.items():
            seen = self.get(path)
            if seen is None:
                answer = self._admin.request("POST", f"{ADMISSION}/{path.split('/')[0]}", whole)
            elif seen["spec"] != whole["spec"]:
                version = {"resourceVersion": seen["metadata"]["resourceVersion"]}
                body = whole | {"metadata": whole["metadata"] | version}
                answer = self._admin.request("PUT", f"{ADMISSION}/{path}", body)
            else:
                continue
            assert answer.status in (200, 201), answer.message


@pytest.fixture
def guards(world: World, team: Team) -> Iterator[Guards]:
    guards = Guards(world)
    wait_for(lambda: guarded(world).get("status") == "True", 30, "guarded at first")
    yield guards
    guards.restore()
    restored = time.monotonic()
    if not world.operator.process.running:
        world.operator.start()
    wait_for(lambda: guarded(world).get("status") == "True", 30, "guarded again")
    wait_for(lambda: time.monotonic() > restored + SETTLES + 2, 30, "requests trusted again")


def guarded(world: World) -> dict[str, Any]:
    answer = world.cluster.identity("admin").request("GET", f"{API}/cloudaccounts/prod")
    return condition(answer.body, "AdmissionGuarded")


def identity(world: World, user: str) -> dict[str, Any]:
    """Who the user is to the API server: what clients fill in where nothing is stamped."""
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = world.cluster.identity(user).request("POST", path, body).body["status"]["userInfo"]
    extra = {key: value for key, value in who.get("extra", {}).items() if not key.startswith("authentication.")}
    return {"username": who["username"], "uid": who.get("uid", ""), "groups": who["groups"], "extra": extra}


def let_mallory_create(world: World, team: Team) -> None:
    """Write requests, that is: not ask for access, which takes the verb on a policy."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{team.namespace}"
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "writer"},
            "rules": [{"apiGroups": ["portcullis.dev"], "resources": ["accessrequests"], "verbs": ["create", "get"]}]}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "writer"},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer"},
               "subjects": [{"kind": "User", "name": "mallory"}]}
    admin = world.cluster.identity("admin")
    for plural, body in (("roles", role), ("rolebindings", binding)):
        assert admin.request("POST", f"{rbac}/{plural}", body).status == 201


def forge(world: World, team: Team, machine: Any, name: str = "alice") -> Object | None:
    """Mallory asks as alice, or as nobody; nothing where the guards refuse that or put her own name there."""
    spec = {
        "policyRef": {"name": "ssh"}, "targets": [machine.name], "ports": [{"port": 22, "protocol": "TCP"}],
        "sources": [f"{ADDRESSES['alice']}/32"], "duration": "10m", "reason": "INC-1 mine",
    }
    if name:
        spec["requester"] = {"username": name, "groups": ["engineers", "system:authenticated"]}
    body = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", "metadata": {"generateName": "forged-"},
            "spec": spec}
    path = f"{API}/namespaces/{team.namespace}/accessrequests"
    answer = world.cluster.identity("mallory").request("POST", path, body)
    if answer.status != 201:
        assert answer.status in (403, 503), answer.message
        return None
    if answer.body["spec"].get("requester", {}).get("username", "") != name:
        return None
    return team.object("accessrequests", answer.body["metadata"]["name"])


def wait_forged(world: World, team: Team, machine: Any, name: str = "alice") -> Object:
    return wait_for(lambda: forge(world, team, machine, name), 15, "the forged name is taken", interval=0.1)


def check_refused(request: Object) -> None:
    request.wait_state("Denied")
    assert request.condition("Approved")["reason"] == "GuardLost"


def wait_granted_anew(team: Team, machine: Any) -> None:
    """What is asked within moments of the lapse is refused; who asks again after it is let in."""
    # The API server takes up each policy in its own time: until it stamps again, who asks is refused by the check.
    wait_for_guards(team.world.cluster.identity("admin"), 30, team.namespace)
    deadline = time.monotonic() + 3 * SETTLES
    for number in range(100):
        request = team.request(machine, name=f"again-{number}")
        seen = request.wait_state("Active", "Denied")
        if seen["status"]["state"] == "Active":
            return
        # Until the stamps are back in force a request may come without any name at all.
        assert request.condition("Approved")["reason"] in ("GuardLost", "RequesterUnknown")
        assert time.monotonic() < deadline, "requests are refused long after the lapse"
    raise AssertionError("refused without end")


def test_a_request_that_nobody_stamped_is_refused(team: Team, world: World, guards: Guards) -> None:
    machine = team.machine()
    team.policy(machine)
    let_mallory_create(world, team)
    for path in (STAMP, CHECK):
        guards.delete(path)
    nobody = wait_forged(world, team, machine, name="")
    guards.restore()
    nobody.wait_state("Denied", timeout=30)
    assert nobody.condition("Approved")["reason"] == "RequesterUnknown"
    assert "portcullis-stamp-requester" in nobody.status["message"]
    assert not team.open_rules(machine)


def test_a_binding_that_leaves_out_a_namespace_is_seen_and_nothing_is_granted_until_it_is_whole(
    team: Team, world: World, guards: Guards
) -> None:
    machine = team.machine()
    team.policy(machine)
    let_mallory_create(world, team)
    assert forge(world, team, machine) is None
    started = time.monotonic()
    guards.leave_out(CHECK, team.namespace)
    wait_for(lambda: guarded(world).get("status") == "False", 5, "the lapse told", interval=0.1)
    assert time.monotonic() - started < 5
    told = guarded(world)
    assert told["reason"] == "GuardLost"
    assert 'ValidatingAdmissionPolicyBinding "portcullis-request-create": spec.matchResources' in told["message"]
    guards.leave_out(STAMP, team.namespace)
    forged = wait_forged(world, team, machine)
    honest = team.request(machine, name="honest", requester=identity(world, "alice"))
    for request in (forged, honest):
        waits = wait_for(lambda r=request: r.condition("Ready"), 10, "looked at")
        assert waits["reason"] == "GuardLost"
        assert request.state == "Pending"
    assert team.open_rules(machine) == []
    guards.restore()
    check_refused(forged)
    check_refused(honest)
    wait_granted_anew(team, machine)
    assert team.verdict(forged)["spec"]["outcome"] == "Refused"
    assert guarded(world).get("status") == "True"


def test_guards_that_were_away_for_a_moment_only_are_missed(team: Team, world: World, guards: Guards) -> None:
    machine = team.machine()
    team.policy(machine)
    let_mallory_create(world, team)
    guards.delete(CHECK)
    guards.delete(STAMP)
    forged = wait_forged(world, team, machine)
    guards.restore()
    check_refused(forged)
    assert team.open_rules(machine) == []
    wait_granted_anew(team, machine)


@pytest.mark.parametrize("how", ["narrowed", "deleted"])
def test_a_lapse_while_no_operator_ran_is_found_out(how: str, team: Team, world: World, guards: Guards) -> None:
    machine = team.machine()
    team.policy(machine)
    let_mallory_create(world, team)
    wait_for(lambda: guarded(world).get("status") == "True", 10, "guarded")
    world.operator.kill9()
    for path in (CHECK, STAMP):
        if how == "narrowed":
            guards.leave_out(path, team.namespace)
        else:
            guards.delete(path)
    forged = wait_forged(world, team, machine)
    for path in (CHECK, STAMP):
        if how == "narrowed":
            guards.patch(path, {"matchResources": None})
    guards.restore()
    world.operator.start()
    check_refused(forged)
    assert team.open_rules(machine) == []
    wait_granted_anew(team, machine)


@pytest.mark.parametrize(
    ("path", "spec", "words"),
    [
        (CHECK, {"validationActions": ["Audit"]}, 'spec.validationActions is ["Audit"] instead of ["Deny"]'),
        ("validatingadmissionpolicies/portcullis-request-create", {"failurePolicy": "Ignore"},
         'spec.failurePolicy is "Ignore" instead of "Fail"'),
        ("mutatingadmissionpolicies/portcullis-stamp-requester",
         {"matchConditions": [{"name": "never", "expression": "false"}]}, "spec.matchConditions"),
    ],
)
def test_a_weaker_guard_is_named(
    path: str, spec: dict[str, Any], words: str, world: World, guards: Guards
) -> None:
    guards.patch(path, spec)
    told = wait_for(lambda: (c := guarded(world))["status"] == "False" and c, 5, "the lapse told", interval=0.1)
    assert words in told["message"], json.dumps(told)
    assert path.split("/")[1] in told["message"]
    guards.restore()
    wait_for(lambda: guarded(world).get("status") == "True", 10, "guarded again", interval=0.1)


def test_what_changes_no_rule_is_no_lapse(team: Team, world: World, guards: Guards) -> None:
    machine = team.machine()
    team.policy(machine)
    path = "/".join((ADMISSION, CHECK))
    admin = world.cluster.identity("admin")
    labels = {"metadata": {"labels": {"team": "security"}, "annotations": {"note": "reviewed"}}}
    assert admin.request("PATCH", path, labels, "application/merge-patch+json").status == 200
    team.request(machine).wait_state("Active")
    clean = {"metadata": {"labels": {"team": None}, "annotations": {"note": None}}}
    assert admin.request("PATCH", path, clean, "application/merge-patch+json").status == 200
    assert (guarded(world)["status"], guarded(world)["reason"]) == ("True", "Guarded")
