"""Waits until the API server really does what the CRDs and the admission policies say.

Both take a while to work after they are applied: a CRD must be established and its storage opened; a mutating policy
answers 503 until the server's next look at the schemas, up to 5 s later. So: ask, do not sleep.
"""

from typing import Any

from world.http_json import Answer
from world.process import wait_for
from world.users import User

_GROUP = "portcullis.dev"
_STAMPED = (("accessrequests", "requester"), ("accessdecisions", "author"))  # and the part that says who wrote it
_FORGED = {"username": "portcullis:forged", "uid": "", "groups": ["system:authenticated"]}
_NOBODY = "portcullis:guard-probe"  # may create requests, holds the verb `request` on no policy


def wait_for_crds(admin: User, timeout: float) -> None:
    last = "no CRD yet"

    def all_are_served() -> bool:
        nonlocal last
        answer = admin.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        ours = [crd for crd in answer.body["items"] if crd["spec"]["group"] == _GROUP]
        for crd in ours:
            name = crd["metadata"]["name"]
            if not _has_condition(crd, "Established"):
                last = f"{name} is not established: {crd.get('status', {}).get('conditions')}"
                return False
            served = next(version["name"] for version in crd["spec"]["versions"] if version["served"])
            listed = admin.request("GET", f"/apis/{_GROUP}/{served}/{crd['spec']['names']['plural']}?limit=1")
            if listed.status != 200:
                last = f"{name}: {listed.status} {listed.message}"
                return False
        return bool(ours)

    _wait(all_are_served, timeout, "the CRDs served", lambda: last)


def wait_for_guards(admin: User, timeout: float, namespace: str = "default") -> None:
    _let_nobody_create(admin)
    last = ""

    def all_are_in_force() -> bool:
        nonlocal last
        for plural, field in _STAMPED if _mutation_is_served(admin) else ():
            answer = _probe(admin, namespace, plural)
            if answer.status != 201 or answer.body["spec"][field]["username"] != "admin":
                last = f"{plural}: {field} is not stamped: {answer.status} {answer.message}"
                return False
        refused = _probe(admin, namespace, "accessrequests", {"Impersonate-User": _NOBODY})
        if refused.status != 403 or "ValidatingAdmissionPolicy" not in refused.message:
            last = f"a user without the verb is not refused: {refused.status} {refused.message}"
            return False
        verdict = _probe(admin, namespace, "accessverdicts")
        if verdict.status in (404, 429) or verdict.status >= 500:
            last = f"accessverdicts: {verdict.status} {verdict.message}"
            return False
        return True

    _wait(all_are_in_force, timeout, "the admission policies in force", lambda: last)


def _wait(check: Any, timeout: float, what: str, last: Any) -> None:
    try:
        wait_for(check, timeout, what, interval=0.1)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; last: {last()}") from None


def _has_condition(thing: dict[str, Any], kind: str) -> bool:
    conditions = thing.get("status", {}).get("conditions") or []  # null until the server has looked at it
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def _mutation_is_served(admin: User) -> bool:
    answer = admin.request("GET", "/apis/admissionregistration.k8s.io/v1")
    return any(resource["name"] == "mutatingadmissionpolicies" for resource in answer.body["resources"])


def _probe(admin: User, namespace: str, plural: str, headers: dict[str, str] | None = None) -> Answer:
    """A create that is never stored, of an object that claims to come from somebody else."""
    path = f"/apis/{_GROUP}/v1alpha1/namespaces/{namespace}/{plural}?dryRun=All&fieldValidation=Strict"
    return admin.request("POST", path, _body(plural), headers=headers)


def _body(plural: str) -> dict[str, Any]:
    uid = "00000000-0000-4000-8000-000000000000"
    reference = {"name": "guard-probe", "uid": uid}
    common: dict[str, Any] = {"apiVersion": f"{_GROUP}/v1alpha1", "metadata": {"name": uid}}
    access = {
        "ports": [{"port": 22, "protocol": "TCP"}],
        "sources": ["192.0.2.1/32"],
        "duration": "1m",
    }
    if plural == "accessrequests":
        spec = access | {
            "policyRef": {"name": "guard-probe"},
            "targets": ["guard-probe"],
            "reason": "guard probe",
            "requester": _FORGED,
        }
        return common | {"kind": "AccessRequest", "spec": spec}
    if plural == "accessdecisions":
        spec = {
            "requestRef": reference,
            "policyName": "guard-probe",
            "decision": "Approve",
            "reason": "guard probe",
            "author": _FORGED,
        }
        return common | {"kind": "AccessDecision", "spec": spec}
    return common | {
        "kind": "AccessVerdict",
        "spec": {"by": "portcullis:forged", "outcome": "Refused", "reason": "GuardProbe", "requestRef": reference},
    }


def _let_nobody_create(admin: User) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _NOBODY},
        "rules": [{"apiGroups": [_GROUP], "resources": ["accessrequests"], "verbs": ["create"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _NOBODY},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _NOBODY},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _NOBODY}],
    }
    for plural, body in (("clusterroles", role), ("clusterrolebindings", binding)):
        answer = admin.request("POST", f"/apis/rbac.authorization.k8s.io/v1/{plural}", body)
        if answer.status not in (201, 409):
            raise RuntimeError(f"{plural}/{_NOBODY}: {answer.status} {answer.message}")
