"""Every rule of the CRDs refuses what it must, with its own sentence and no other, and lets its neighbours pass.

The objects stand in cel_cases.yaml; the API server judges them.
"""

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

TABLE = "cel_cases.yaml"

_numbers = itertools.count()


def cases(table: dict) -> list[tuple[str, dict]]:
    found = []
    for entry in table["rules"]:
        for outcome in ("refuses", "accepts"):
            for number, case in enumerate(entry[outcome]):
                base = table["bases"][entry["rule"].split(" ")[0]]
                more = {
                    "rule": entry["rule"],
                    "says": entry.get("says"),
                    "refused": outcome == "refuses",
                    "base": base,
                }
                found.append((f"{entry['rule'].replace('  ', ' root ')} {outcome} {number}", case | more))
    return found


def rules(schema: dict, path: str = "") -> Iterator[tuple[str, int, dict]]:
    for number, rule in enumerate(schema.get("x-kubernetes-validations", [])):
        yield path, number, rule
    for name, child in schema.get("properties", {}).items():
        yield from rules(child, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from rules(schema["items"], path + "[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from rules(schema["additionalProperties"], path + "{}")


@pytest.fixture(scope="module")
def all_rules(crds) -> dict[str, dict]:
    found = {}
    for kind, crd in crds.items():
        for version in crd["spec"]["versions"]:
            for path, number, rule in rules(version["schema"]["openAPIV3Schema"]):
                found[f"{kind} {path} {number}"] = rule
    return found


@pytest.fixture(scope="module")
def module_namespace(cluster) -> str:
    return cluster.namespace("cel-rules")


def test_every_rule_has_objects_that_fail_and_objects_that_pass(all_rules, whole_table):
    tried = {entry["rule"]: entry for entry in whole_table["rules"]}
    assert sorted(tried) == sorted(all_rules)
    assert len(tried) == len(whole_table["rules"])
    assert [name for name, entry in tried.items() if not entry["refuses"] or not entry["accepts"]] == []


def test_every_rule_says_what_is_right(all_rules):
    """A sentence that holds only "invalid" helps nobody: it says what must be, or what cannot be."""
    sentences = {name: rule.get("message") or rule["messageExpression"] for name, rule in all_rules.items()}
    assert [name for name, text in sentences.items() if "must" not in text and "cannot" not in text] == []


def test_the_rule_answers(case, all_rules, cluster, client, merge, module_namespace, request):
    rule, kind = all_rules[case["rule"]], case["rule"].split(" ")[0]
    namespace = request.getfixturevalue("unstamped") if case.get("where") == "unstamped" else module_namespace
    who = client(case.get("as", "admin"), namespace)
    name = case.get("name", f"case-{next(_numbers)}")
    base = case["base"]
    if kind == "AccessVerdict":
        uid = str(uuid.uuid4())
        base = merge(base, {"requestRef": {"uid": uid}})
        name = case.get("name", uid)
    if "old" not in case:
        answer = who.create(kind, name, merge(base, case["new"]), query="&dryRun=All")
    else:
        created = who.create(kind, name, merge(base, with_identity(case["old"], cluster)))
        assert created.status == 201, created.message
        if "first" in case:
            assert who.patch(kind, name, {"spec": case["first"]}).status == 200
        if "status" in case:
            assert client("operator", namespace).patch(kind, name, {"status": case["status"]}, "status").status == 200
        answer = who.patch(kind, name, {"spec": case["new"]}, query="&dryRun=All")
    if case["refused"]:
        assert answer.status == 422, answer.message
        sentence = rule.get("message") or case["says"]
        causes = answer.body["details"]["causes"]
        assert [cause for cause in causes if sentence not in cause["message"]] == [], answer.message
        assert causes
    else:
        assert answer.status in (200, 201), answer.message


def with_identity(spec: dict, cluster: Any) -> dict:
    """ADMIN stands for who the admin is; where nothing is stamped, a request must say so itself."""
    if spec.get("requester") != "ADMIN":
        return spec
    me = cluster.identity("admin").request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", _REVIEW)
    info = me.body["status"]["userInfo"]
    identity = {"username": info["username"], "uid": info.get("uid", ""), "groups": info["groups"]}
    return spec | {"requester": identity}


_REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
