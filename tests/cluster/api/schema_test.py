"""The CRDs as documents: a real API server takes them, every field teaches, everything is bounded."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from world.assets import REPOSITORY

KINDS = ("CloudAccount", "JitPolicy", "AccessRequest", "AccessDecision", "AccessVerdict")


def fields(schema: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every schema below this one, by path; standard metadata is not ours."""
    for name, child in schema.get("properties", {}).items():
        if (path, name) != ("", "metadata"):
            yield f"{path}.{name}".lstrip("."), child
            yield from fields(child, f"{path}.{name}".lstrip("."))
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield path + mark, schema[key]
            yield from fields(schema[key], path + mark)


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def crd(crds, kind) -> dict:
    return crds[kind]


@pytest.fixture
def all_fields(crd) -> dict[str, dict]:
    (version,) = crd["spec"]["versions"]
    return dict(fields(version["schema"]["openAPIV3Schema"]))


def test_the_folder_holds_these_kinds_and_no_others(crds):
    assert set(crds) == set(KINDS)


def test_the_server_takes_the_crd_without_objection(cluster, crd):
    name = crd["metadata"]["name"]
    stored = json.loads(cluster.kubectl("admin", "get", "crd", name, "-o", "json").stdout)
    conditions = {condition["type"]: condition for condition in stored["status"]["conditions"]}
    assert conditions["Established"]["status"] == "True"
    assert conditions["NamesAccepted"]["status"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_names_are_those_that_people_type(cluster, crd):
    names = crd["spec"]["names"]
    assert crd["metadata"]["name"] == f"{names['plural']}.portcullis.dev"
    assert names["categories"] == ["portcullis"]
    for name in (names["plural"], names["singular"], *names["shortNames"]):
        cluster.kubectl("admin", "get", name, "-A")
    columns = cluster.kubectl("admin", "get", names["shortNames"][0], "-A", "-o", "wide").stderr
    assert "No resources found" in columns or columns == ""


def test_one_word_lists_all_of_ours(cluster):
    listed = cluster.kubectl("admin", "api-resources", "--categories=portcullis", "-o", "name").stdout.split()
    assert sorted(listed) == sorted(
        f"{kind}.portcullis.dev"
        for kind in ("cloudaccounts", "jitpolicies", "accessrequests", "accessdecisions", "accessverdicts")
    )


def test_every_field_is_described(all_fields):
    poor = [path for path, field in all_fields.items() if not re.search(r"\w{3}.*[.]$", field.get("description", ""))]
    assert poor == []


def test_descriptions_of_values_hold_an_example(all_fields):
    """A field of free text or number shows one value; what has a default may show that."""
    lacking = [
        path
        for path, field in all_fields.items()
        if field["type"] in ("string", "integer")
        and "enum" not in field
        and not re.search(r"(Example|Default): `", field["description"])
    ]
    assert lacking == []


def test_examples_are_good_values(all_fields):
    wrong = []
    for path, field in all_fields.items():
        match = re.search(r"Example:\s+`([^`]*)`", field["description"])
        if not match or field["type"] not in ("string", "integer"):
            continue
        value = match[1]
        if field["type"] == "integer":
            good = field.get("minimum", 0) <= int(value) <= field.get("maximum", 2**31)
        else:
            good = bool(re.search(field.get("pattern", ""), value)) and len(value) <= field.get("maxLength", 99)
            good = good and value in field.get("enum", [value])
        if not good:
            wrong.append((path, value))
    assert wrong == []


def test_descriptions_name_the_default(all_fields):
    for path, field in all_fields.items():
        default = field.get("default")
        if default is None or default == {}:
            continue
        assert "Default:" in field["description"], path
        if not isinstance(default, dict | list):
            text = str(default).lower() if isinstance(default, bool) else str(default)
            assert f"Default: `{text}`" in field["description"], path


def test_descriptions_name_every_value_of_an_enumeration(all_fields):
    missing = [
        (path, value)
        for path, field in all_fields.items()
        for value in field.get("enum", [])
        if not re.search(rf"\b{value}\b", field["description"])
    ]
    assert missing == []


def test_descriptions_of_durations_name_the_form_and_the_bounds(all_fields):
    for path, field in all_fields.items():
        (rule,) = [r for r in field.get("x-kubernetes-validations", []) if "duration(self)" in r["rule"]] or [None]
        if rule:
            bounds = re.findall(r"duration\('(\w+)'\)", rule["rule"])
            assert "Go duration" in field["description"], path
            assert all(bound in field["description"] for bound in bounds), path


def test_everything_is_bounded(all_fields):
    """Without bounds an object fills etcd, and rules cost more than the server allows."""
    unbounded = [
        path
        for path, field in all_fields.items()
        if path not in ("apiVersion", "kind")
        and (
            (
                field["type"] == "string"
                and not {"maxLength", "enum"} & set(field)
                and field.get("format") != "date-time"
            )
            or (field["type"] == "array" and "maxItems" not in field)
            or (field["type"] == "integer" and "minimum" not in field)
            or ("additionalProperties" in field and "maxProperties" not in field)
        )
    ]
    assert unbounded == []


def test_nothing_escapes_the_schema(all_fields):
    assert [path for path, field in all_fields.items() if "x-kubernetes-preserve-unknown-fields" in field] == []
    assert [
        path
        for path, field in all_fields.items()
        if field["type"] == "object" and not set(field) & {"properties", "additionalProperties"}
    ] == []


def test_lists_say_how_they_merge(all_fields):
    silent = [
        path
        for path, field in all_fields.items()
        if field["type"] == "array" and "x-kubernetes-list-type" not in field
    ]
    assert silent == []


def test_status_has_the_standard_conditions(crd, all_fields):
    (version,) = crd["spec"]["versions"]
    if crd["spec"]["names"]["kind"] == "AccessDecision":
        assert "subresources" not in version and "status" not in all_fields
        return
    assert version["subresources"] == {"status": {}}
    assert all_fields["status.conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    assert "status.observedGeneration" in all_fields


def test_explain_teaches_every_field(cluster, kind, all_fields):
    """kubectl prints what the server publishes: no description was lost on the way."""
    for root in ("spec", "status"):
        if root in all_fields:
            told = cluster.kubectl("admin", "explain", f"{kind.lower()}.{root}", "--recursive").stdout
            wanted = {path.split(".")[-1].rstrip("[]{}") for path in all_fields if path.startswith(f"{root}.")}
            assert [name for name in wanted if not re.search(rf"^\s+{name}\s+<", told, re.M)] == []
    served = cluster.identity("admin").request("GET", "/openapi/v3/apis/portcullis.dev/v1alpha1").body
    (published,) = [
        schema
        for schema in served["components"]["schemas"].values()
        if {"group": "portcullis.dev", "kind": kind, "version": "v1alpha1"}
        in schema.get("x-kubernetes-group-version-kind", [])
    ]
    lost = [
        path
        for path, field in fields(published)
        if path not in ("apiVersion", "kind") and not field.get("description")
    ]
    assert lost == []


def test_explain_shows_meaning_and_default_of_one_field(cluster):
    told = cluster.kubectl("admin", "explain", "jitp.spec.ports.maxDuration").stdout
    assert "Go duration from 1m to 24h" in " ".join(told.split())
    assert "Default: `3h`" in " ".join(told.split())


def test_kustomize_builds_every_folder(cluster):
    for folder, kind, count in (("crds", "CustomResourceDefinition", 5), ("manifests/rbac", "ClusterRole", 6)):
        built = list(yaml.safe_load_all(cluster.kubectl("admin", "kustomize", REPOSITORY / folder).stdout))
        assert len([item for item in built if item["kind"] == kind]) == count
    cluster.kubectl("admin", "kustomize", REPOSITORY / "manifests/admission")


def test_older_servers_get_the_validating_guards_alone(cluster):
    def kinds(folder: str) -> list[str]:
        built = cluster.kubectl("admin", "kustomize", REPOSITORY / "manifests" / folder).stdout
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in yaml.safe_load_all(built))

    everything = kinds("admission")
    assert any(name.startswith("Mutating") for name in everything)
    assert kinds("admission-before-1.36") == [name for name in everything if name.startswith("Validating")]


def test_apply_of_the_crd_folder_needs_no_kustomize(cluster):
    cluster.kubectl("admin", "apply", "-f", REPOSITORY / "crds", "--dry-run=server")
