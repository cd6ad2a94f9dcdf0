"""With a real controller manager: what Kubernetes itself deletes, and what the guards make of it."""

from collections.abc import Callable, Iterator

import pytest
import yaml
from world import controlplane
from world.assets import REPOSITORY
from world.controlplane import ControlPlane
from world.process import wait_for


@pytest.fixture(scope="module")
def collecting() -> Iterator[ControlPlane]:
    checker = "validatingadmissionpolicy-status-controller"  # looks for type errors in admission policies
    patch = pytest.MonkeyPatch()
    patch.setattr(controlplane, "_CONTROLLERS", (*controlplane._CONTROLLERS, checker))
    with ControlPlane(controller_manager=True) as cluster:
        patch.undo()
        for folder in ("manifests/rbac", "manifests/admission", "crds"):
            cluster.apply(REPOSITORY / folder)
        cluster.wait_for_crds()
        cluster.wait_for_guards()
        cluster.service_account("portcullis-system", "portcullis")
        yield cluster


@pytest.fixture
def here(collecting, client_for, spec) -> Callable:
    """here(namespace): a request with decision and verdict; returns clients of admin and operator, and its uid."""

    def make(name: str) -> tuple:
        namespace = collecting.namespace(name)
        admin, operator = (client_for(collecting, user, namespace) for user in ("admin", "operator"))
        created = admin.create("AccessRequest", "ssh", spec("AccessRequest"))
        assert created.status == 201, created.message
        reference = {"name": "ssh", "uid": created.body["metadata"]["uid"]}
        owner = {"apiVersion": "portcullis.dev/v1alpha1", "kind": "AccessRequest", **reference}
        assert admin.create("AccessDecision", "yes", spec("AccessDecision", requestRef=reference)).status == 201
        verdict = spec("AccessVerdict", requestRef=reference)
        assert operator.create("AccessVerdict", reference["uid"], verdict, {"ownerReferences": [owner]}).status == 201
        return admin, operator, reference["uid"]

    return make


def is_going(client, kind: str, name: str) -> bool:
    found = client.get(kind, name)
    return found is None or "deletionTimestamp" in found["metadata"]


def let_go(admin, operator) -> None:
    """The operator's own finalizer alone: foreground and orphan deletion put one of Kubernetes beside it."""

    def has_let_go() -> bool:
        metadata = operator.get("AccessRequest", "ssh")["metadata"]
        others = [name for name in metadata["finalizers"] if name != "portcullis.dev/close"]
        change = {"metadata": {"finalizers": others or None, "resourceVersion": metadata["resourceVersion"]}}
        return operator.patch("AccessRequest", "ssh", change).status == 200

    wait_for(has_let_go, 20, "the finalizer removed", interval=0.1)
    wait_for(lambda: admin.get("AccessRequest", "ssh") is None, 60, "the request gone", interval=0.1)


def wait_collected(admin, operator, uid: str) -> None:
    wait_for(lambda: admin.get("AccessDecision", "yes") is None, 60, "the decision collected", interval=0.1)
    wait_for(lambda: is_going(admin, "AccessVerdict", uid), 60, "the verdict on its way", interval=0.1)
    assert operator.patch("AccessVerdict", uid, {"metadata": {"finalizers": None}}).status == 200
    assert admin.get("AccessVerdict", uid) is None


@pytest.mark.parametrize("how", ["Background", "Foreground"])
def test_records_stay_with_the_request_and_go_after_it(how, here):
    admin, operator, uid = here(f"goes-{how.lower()}")
    assert admin.delete("AccessRequest", "ssh", f"?propagationPolicy={how}").status == 200
    assert admin.get("AccessRequest", "ssh")["metadata"]["deletionTimestamp"]
    verdict = admin.get("AccessVerdict", uid)
    assert verdict["metadata"]["finalizers"] == ["portcullis.dev/close"]
    if how != "Foreground":  # there the records go first; the request still waits for the operator
        assert admin.get("AccessDecision", "yes") and "deletionTimestamp" not in verdict["metadata"]
    let_go(admin, operator)
    wait_collected(admin, operator, uid)


def test_who_asks_for_orphans_keeps_the_records(here):
    admin, operator, uid = here("goes-orphan")
    # The collector frees the dependents that it has seen. It watches each kind in order: when it has collected
    # what was made later, it has seen these.
    later = here("made-later")
    assert later[0].delete("AccessRequest", "ssh", "?propagationPolicy=Background").status == 200
    let_go(*later[:2])
    wait_collected(*later)
    assert admin.delete("AccessRequest", "ssh", "?propagationPolicy=Orphan").status == 200
    let_go(admin, operator)
    for kind, name in (("AccessDecision", "yes"), ("AccessVerdict", uid)):
        assert not is_going(admin, kind, name)
        assert not admin.get(kind, name)["metadata"].get("ownerReferences")


def test_a_namespace_goes_when_the_operator_lets_go(collecting, here):
    admin, operator, uid = here("goes-whole")
    collecting.kubectl("admin", "delete", "namespace", "goes-whole", "--wait=false")
    for kind, name in (("AccessRequest", "ssh"), ("AccessVerdict", uid)):
        wait_for(lambda kind=kind, name=name: is_going(admin, kind, name), 60, f"{kind} on its way", interval=0.1)
        assert admin.get(kind, name)["metadata"]["finalizers"] == ["portcullis.dev/close"]
    wait_for(lambda: admin.get("AccessDecision", "yes") is None, 60, "the decision gone", interval=0.1)
    for kind, name in (("AccessRequest", "ssh"), ("AccessVerdict", uid)):
        assert operator.patch(kind, name, {"metadata": {"finalizers": None}}).status == 200

    def is_gone() -> bool:
        return collecting.identity("admin").request("GET", "/api/v1/namespaces/goes-whole").status == 404

    wait_for(is_gone, 60, "the namespace gone", interval=0.2)


def test_built_in_roles_may_read_and_nothing_more(collecting):
    collecting.namespace("built-in")

    def may(role: str, *what: str) -> bool:
        said = collecting.kubectl("admin", "auth", "can-i", "-n", "built-in", f"--as=the-{role}", *what, check=False)
        return said.stdout.strip() == "yes"

    for role in ("view", "edit", "admin"):
        collecting.kubectl(
            "admin", "create", "rolebinding", role, "-n", "built-in", f"--clusterrole={role}", f"--user=the-{role}"
        )
        wait_for(lambda role=role: may(role, "list", "areq"), 30, f"{role} aggregated", interval=0.2)
        for verb in ("create", "update", "patch", "delete"):
            for kind in ("jitp", "areq", "adec", "averd"):
                assert not may(role, verb, kind), (role, verb, kind)
        for verb in ("request", "approve", "revoke", "breakglass"):
            assert not may(role, verb, "jitpolicies/prod-ssh"), (role, verb)


def test_the_server_finds_no_type_error_in_the_guards(collecting):
    """It checks expressions against the schemas, but only where a policy names a version: so in copies."""
    copies = []
    for path in sorted((REPOSITORY / "manifests/admission").glob("2*.yaml")):
        for policy in yaml.safe_load_all(path.read_text()):
            if policy["kind"] == "ValidatingAdmissionPolicy" and policy["metadata"]["name"] != "portcullis-status":
                policy["metadata"]["name"] = policy["metadata"]["name"].replace("portcullis-", "typed-")
                (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
                rule["apiVersions"] = ["v1alpha1"]
                copies.append(policy)
    wrong = yaml.safe_load(yaml.safe_dump(copies[0]))
    wrong["metadata"]["name"] = "typed-wrong"
    wrong["spec"]["validations"].append({"expression": "object.spec.durashun == '1h'"})
    collecting.apply(yaml.safe_dump_all([*copies, wrong]))

    def warnings(policy: dict) -> list | None:
        path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/" + policy["metadata"]["name"]
        checked = collecting.identity("admin").request("GET", path).body.get("status", {}).get("typeChecking")
        return None if checked is None else checked.get("expressionWarnings", [])

    wait_for(
        lambda: all(warnings(policy) is not None for policy in [*copies, wrong]), 30, "types checked", interval=0.2
    )
    assert "undefined field 'durashun'" in warnings(wrong)[-1]["warning"]
    assert {policy["metadata"]["name"]: warnings(policy) for policy in copies if warnings(policy)} == {}
    assert len(copies) == 10
