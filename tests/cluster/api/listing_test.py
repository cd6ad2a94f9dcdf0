"""What people see with kubectl get, and what they can select by."""

import pytest
from world.process import wait_for


@pytest.fixture(scope="module")
def objects(cluster, client, people, spec) -> str:
    """A namespace with a little of everything."""
    namespace = cluster.namespace("listing")
    admin, operator = client("admin", namespace), client("operator", namespace)
    assert admin.create("JitPolicy", "prod-ssh", spec("JitPolicy")).status == 201
    assert (
        admin.create("JitPolicy", "look", spec("JitPolicy", enforcement="Audit", accountRef={"name": "dev"})).status
        == 201
    )
    assert admin.create("CloudAccount", "listing", spec("CloudAccount")).status == 201
    for name, policy, state in (
        ("one", "prod-ssh", "Active"),
        ("two", "prod-ssh", None),
        ("three", "other", "Expired"),
    ):
        created = admin.create("AccessRequest", name, spec("AccessRequest", policyRef={"name": policy}))
        assert created.status == 201
        if state:
            status = {"state": state, "expiresAt": "2026-11-22T18:45:00Z", "message": f"is {state}"}
            assert operator.patch("AccessRequest", name, {"status": status}, "status").status == 200
        reference = {"name": name, "uid": created.body["metadata"]["uid"]}
        decision = "Deny" if name == "two" else "Approve"
        assert (
            admin.create(
                "AccessDecision", f"{name}.admin", spec("AccessDecision", requestRef=reference, decision=decision)
            ).status
            == 201
        )
        assert (
            operator.create("AccessVerdict", reference["uid"], spec("AccessVerdict", requestRef=reference)).status
            == 201
        )
    return namespace


SELECTIONS = [
    ("areq", "spec.policyRef.name=prod-ssh", {"one", "two"}),
    ("areq", "spec.requester.username=admin", {"one", "two", "three"}),
    ("areq", "spec.requester.username=alice", set()),
    ("areq", "status.state=Active", {"one"}),
    ("areq", "status.state=Pending", {"two"}),
    ("areq", "status.state!=Expired,spec.policyRef.name=prod-ssh", {"one", "two"}),
    ("jitp", "spec.accountRef.name=dev", {"look"}),
    ("jitp", "spec.enforcement=Enforce", {"prod-ssh"}),
    ("adec", "spec.requestRef.name=one", {"one.admin"}),
    ("adec", "spec.decision=Deny", {"two.admin"}),
    ("adec", "spec.author.username=admin,spec.policyName=prod-ssh", {"one.admin", "two.admin", "three.admin"}),
]


@pytest.mark.parametrize(("kind", "selector", "wanted"), SELECTIONS)
def test_objects_are_selected_by_field(cluster, objects, kind, selector, wanted):
    found = cluster.kubectl("admin", "get", kind, "-n", objects, "--field-selector", selector, "-o", "name").stdout
    assert {line.split("/")[1] for line in found.split()} == wanted


def test_verdicts_and_accounts_are_selected_by_field(cluster, objects):
    def count(*args: str) -> int:
        return len(cluster.kubectl("admin", "get", *args, "-o", "name").stdout.split())

    assert count("averd", "-n", objects, "--field-selector", "spec.outcome=Refused,spec.requester=alice") == 3
    assert count("averd", "-n", objects, "--field-selector", "spec.requestRef.name=two") == 1
    assert count("averd", "-n", objects, "--field-selector", "spec.policy.name=prod-ssh") == 0
    subscription = "spec.azure.subscriptionID=11111111-2222-4333-8444-555555555555"
    assert count("cloud", "--field-selector", f"spec.provider=Azure,{subscription}") >= 1


def test_no_kind_has_more_selectable_fields_than_the_server_allows(crds):
    for kind, crd in crds.items():
        (version,) = crd["spec"]["versions"]
        assert 1 <= len(version["selectableFields"]) <= 8, kind


def test_columns_tell_the_story_of_requests(cluster, objects):
    lines = cluster.kubectl("admin", "get", "areq", "-n", objects).stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "POLICY", "REQUESTER", "EXPIRES", "AGE"]
    (one,) = [line.split() for line in lines if line.startswith("one ")]
    assert one[1:5] == ["Active", "prod-ssh", "admin", "2026-11-22T18:45:00Z"]
    wide = cluster.kubectl("admin", "get", "areq", "-n", objects, "-o", "wide").stdout
    assert "INC-4711 disk full" in wide and "is Active" in wide


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("cloud", "NAME PROVIDER READY GUARDED FROZEN AGE"),
        ("jitp", "NAME READY LOCKED ENFORCEMENT TARGETS GRANTS AGE"),
        ("adec", "NAME DECISION REQUEST AUTHOR AGE"),
        ("averd", "NAME REQUEST OUTCOME REASON REQUESTER DURATION ENDED OVERDUE AGE"),
    ],
)
def test_columns_of_the_other_kinds(cluster, objects, kind, columns):
    header = cluster.kubectl("admin", "get", kind, "-n", objects).stdout.splitlines()[0]
    assert " ".join(header.split()) == columns


def test_wait_works_on_conditions(cluster, client, objects):
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Open",
        "message": "open",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-22T18:00:00Z",
    }
    answer = client("operator", objects).patch(
        "AccessRequest", "one", {"status": {"conditions": [condition]}}, "status"
    )
    assert answer.status == 200, answer.message
    cluster.kubectl("admin", "wait", "-n", objects, "--for=condition=Ready", "areq/one", "--timeout=10s")


def test_the_status_that_the_operator_writes_fits(client, objects):
    """Every field of the four statuses, as long as they come."""
    operator = client("operator", objects)
    groups = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups"
    vm = f"{groups}/web/providers/Microsoft.Compute/virtualMachines/web-1"
    nsg = f"{groups}/net/providers/Microsoft.Network/networkSecurityGroups/nsg-web"
    condition = {
        "status": "Unknown",
        "reason": "Waits",
        "message": "waits",
        "lastTransitionTime": "2026-11-22T18:00:00Z",
    }
    policy = {
        "observedGeneration": 1,
        "conditions": [condition | {"type": kind} for kind in ("Ready", "Locked", "Conflict")],
        "summary": "1/1 locked",
        "activeGrants": 2,
        "slots": {"free": {"shutters": 10, "grants": 148, "locks": 19}},
        "targets": [
            {
                "resourceID": vm,
                "vmID": "5a1c6c1e-0000-4000-8000-1d6c9a110001",
                "state": "Bypassed",
                "message": "rule n/all above our lock",
                "addresses": ["10.0.0.4", "fd00::4"],
                "groups": [nsg],
                "cut": [
                    {"port": 22, "protocol": "TCP", "sources": ["0.0.0.0/0", "VirtualNetwork"], "rule": "n/all"},
                    {"port": 5985, "endPort": 5986, "protocol": "Any", "sources": [], "rule": "n/all"},
                ],
            }
        ],
    }
    request = {
        "observedGeneration": 1,
        "state": "Active",
        "message": "ssh to 10.0.0.4",
        "conditions": [condition | {"type": "Approved"}],
        "verdict": {
            "name": "9c1e4c1e-0000-4000-8000-1d6c9a110001",
            "outcome": "Granted",
            "reason": "PolicyAndApprovals",
        },
        **{
            at: "2026-11-22T18:00:00Z"
            for at in ("grantedAt", "startsAt", "expiresAt", "openedAt", "endedAt", "closedAt")
        },
        "rules": [{"group": nsg, "name": "portcullis-1f4a0c2b-open-0123456789abcdef0123", "priority": 130}],
        "targets": [{"resourceID": vm, "addresses": ["10.0.0.4"]}],
    }
    account = {
        "observedGeneration": 1,
        "conditions": [condition | {"type": kind} for kind in ("Ready", "AdmissionGuarded")],
    }
    verdict = {"observedGeneration": 1, "conditions": [condition | {"type": "Overdue"}]}
    for kind, name, status in (
        ("AccessVerdict", operator.get("AccessRequest", "one")["metadata"]["uid"], verdict),
        ("JitPolicy", "prod-ssh", policy),
        ("AccessRequest", "three", request),
        ("CloudAccount", "listing", account),
    ):
        answer = operator.patch(kind, name, {"status": status}, "status")
        assert answer.status == 200, answer.message
        assert answer.body["status"] == status


def test_a_watch_by_state_ends_for_what_leaves_it(cluster, client, objects):
    """Selected by state, an object that changes it is gone: good for scripts, wrong for the operator's own watch."""
    operator = client("operator", objects)
    assert operator.patch("AccessRequest", "two", {"status": {"state": "Denied"}}, "status").status == 200
    wait_for(
        lambda: (
            "two"
            not in cluster.kubectl(
                "admin", "get", "areq", "-n", objects, "--field-selector=status.state=Pending"
            ).stdout
        ),
        10,
        "two is no longer Pending",
    )
