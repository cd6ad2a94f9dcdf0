"""What the schema refuses by itself, where it points, and what it fills in."""

import json

import pytest
import yaml

TABLE = "shape_cases.yaml"


def cases(table: list) -> list[tuple[str, dict]]:
    return [(f"{case['kind']} {json.dumps(case['new'], ensure_ascii=True)[:70]}", case) for case in table]


@pytest.fixture(scope="module")
def sender(cluster, client):
    """Who may make objects of a kind: verdicts are the operator's, all else the admin's."""
    namespace = cluster.namespace("shapes")
    return lambda kind: client("operator" if kind == "AccessVerdict" else "admin", namespace)


def name_of(spec: dict, kind: str) -> str:
    return spec["requestRef"]["uid"] if kind == "AccessVerdict" else "shape"


def test_the_schema_points_at_the_mistake(case, spec, sender):
    kind = case["kind"]
    good = spec(kind)
    answer = sender(kind).create(kind, name_of(good, kind), spec(kind, **case["new"]), query="&dryRun=All")
    if "field" not in case:
        assert answer.status == 201, answer.message
    elif case["says"] == "unknown field":
        assert answer.status == 400
        assert f'unknown field "{case["field"]}"' in answer.message
    else:
        assert answer.status == 422, answer.message
        causes = [cause for cause in answer.body["details"]["causes"] if cause["field"] == case["field"]]
        assert any(case["says"] in cause["message"] for cause in causes), answer.message


def test_lists_end_where_the_schema_says(spec, sender):
    for count, status in ((32, 201), (33, 422)):
        sources = [f"203.0.113.{number}/32" for number in range(count)]
        answer = sender("AccessRequest").create(
            "AccessRequest", "many", spec("AccessRequest", sources=sources), query="&dryRun=All"
        )
        assert answer.status == status, answer.message


DEFAULTS = {
    "CloudAccount": """
        priorities: {shutters: {from: 120, to: 129}, grants: {from: 130, to: 279}, locks: {from: 280, to: 299}}
        freeze: false
        orphans: Delete
        azure: {environment: AzurePublic, credential: WorkloadIdentity}
        """,
    "JitPolicy": """
        ports:
        - {port: 22, protocol: Any, maxDuration: 3h, minPrefixLength: {ipv4: 32, ipv6: 128}}
        - {port: 3389, protocol: Any, maxDuration: 3h, minPrefixLength: {ipv4: 32, ipv6: 128}}
        - {port: 5985, protocol: Any, maxDuration: 3h, minPrefixLength: {ipv4: 32, ipv6: 128}}
        - {port: 5986, protocol: Any, maxDuration: 3h, minPrefixLength: {ipv4: 32, ipv6: 128}}
        approval: {required: 0, denials: 1}
        serviceAccounts: Refuse
        reason: {required: false}
        limits: {activePerRequester: 1, active: 20, totalDuration: 8h}
        maxAhead: 24h
        suspend: false
        onDelete: Unlock
        onDrift: Correct
        retainFor: 168h
        """,
    "AccessRequest": "{breakGlass: false, planOnly: false, revoke: false}",
    "AccessDecision": "{}",
    "AccessVerdict": "{}",
}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_what_is_left_out_is_filled_in(kind, spec, sender, merge):
    given = spec(kind)
    answer = sender(kind).create(kind, name_of(given, kind), given, query="&dryRun=All")
    assert answer.status == 201, answer.message
    stored = {key: value for key, value in answer.body["spec"].items() if key not in ("requester", "author", "by")}
    if kind == "AccessVerdict":
        stored["requester"] = given["requester"]
    assert stored == merge(given, yaml.safe_load(DEFAULTS[kind]))


def test_parts_of_items_are_filled_in_too(spec, sender):
    given = spec("JitPolicy", ports=[{"port": 22}], breakGlass={}, approval={"required": 2}, limits={"active": 3})
    stored = sender("JitPolicy").create("JitPolicy", "parts", given, query="&dryRun=All").body["spec"]
    assert stored["ports"] == [
        {"port": 22, "protocol": "TCP", "maxDuration": "3h", "minPrefixLength": {"ipv4": 32, "ipv6": 128}}
    ]
    assert stored["breakGlass"] == {"maxDuration": "30m", "reviewWithin": "24h", "blockUntilReviewed": True}
    assert stored["approval"] == {"required": 2, "denials": 1}
    assert stored["limits"] == {"activePerRequester": 1, "active": 3, "totalDuration": "8h"}


def test_a_request_is_pending_from_its_first_moment(spec, sender):
    admin = sender("AccessRequest")
    created = admin.create("AccessRequest", "fresh", spec("AccessRequest"))
    assert created.body["status"] == {"state": "Pending"}
    assert admin.get("AccessRequest", "fresh")["status"] == {"state": "Pending"}


def test_null_means_absent(spec, sender):
    admin = sender("AccessRequest")
    given = spec("AccessRequest") | {
        "startAt": None,
        "extends": None,
        "revoke": None,
        "requester": None,
        "reason": None,
    }
    stored = admin.create("AccessRequest", "nulls", given)
    assert stored.status == 201, stored.message
    assert {"startAt", "extends", "reason"} & set(stored.body["spec"]) == set()
    assert stored.body["spec"]["revoke"] is False
    policy = spec("JitPolicy") | {"breakGlass": None, "approval": None, "ports": None}
    stored = sender("JitPolicy").create("JitPolicy", "nulls", policy, query="&dryRun=All")
    assert stored.status == 201, stored.message
    assert "breakGlass" not in stored.body["spec"]
    assert stored.body["spec"]["approval"] == {"required": 0, "denials": 1}
    assert len(stored.body["spec"]["ports"]) == 4
