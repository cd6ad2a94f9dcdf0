"""The tables of this folder as cases, and the judge of what an API server answers to one."""

import copy
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
GIVEN: dict[str, Any] = yaml.safe_load((HERE / "given.yaml").read_text())
# Who answers. The first five are the API server, the rest need the operator and the lab.
SERVER_LAYERS = ("decoder", "schema", "cel", "admission", "accepted")
OPERATOR_LAYERS = ("refused", "opened", "policy")
RAW = "\ue000raw\ue000"  # marks where text that is perhaps no JSON goes into a body


@dataclass(frozen=True)
class Case:
    table: str  # the file
    name: str
    kind: str
    layer: str
    spec: dict[str, Any]  # what is merged into the good one
    value: Any
    about: dict[str, Any] = field(repr=False)  # the block with what this value overrides

    def get(self, key: str, default: Any = None) -> Any:
        return self.about.get(key, default)

    @property
    def says(self) -> list[str]:
        """What must stand in the message."""
        says = self.get("says", [])
        return [fill(each, self.value) for each in ([says] if isinstance(says, str) else says)]

    @property
    def user(self) -> str:
        return self.get("as", "alice" if self.kind == "AccessRequest" else "admin")


def table_files() -> list[Path]:
    """Those of what people write; cloud.yaml and refusals.yaml are of other forms: what the cloud answers."""
    others = ("given.yaml", "cloud.yaml", "refusals.yaml")
    return [path for path in sorted(HERE.glob("*.yaml")) if path.name not in others]


def load(*layers: str) -> list[Case]:
    """The cases of all tables that one of these layers answers."""
    return [case for path in table_files() for case in read_table(path) if case.layer in layers]


def read_table(path: Path) -> Iterator[Case]:
    table = yaml.safe_load(path.read_text())
    for block in table["blocks"]:
        for entry in block["values"]:
            overrides = entry if isinstance(entry, dict) and "value" in entry else {"value": entry}
            about = {key: value for key, value in block.items() if key != "values"} | overrides
            unknown = set(about) - _KEYS
            assert not unknown, f"{path.name}: unknown {unknown} in {entry!r}"
            [(kind, spec)] = about["try"].items()
            value = about["value"]
            yield Case(
                table=path.stem, name=case_name(path.stem, kind, spec, value), kind=kind, layer=about["answer"],
                spec=fill(spec, RAW if about.get("raw") else value), value=value, about=about,
            )


_KEYS = {
    "try", "answer", "field", "says", "value", "as", "raw", "metadata", "stored", "under", "state", "reason", "rules",
    "writes", "unnamed", "policy", "code",
}


def case_name(table: str, kind: str, spec: dict[str, Any], value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return f"{table} {kind} {place_of(spec)} {text if len(text) <= 60 else text[:57] + '...'}"


def place_of(template: Any) -> str | None:
    """Where VALUE stands: "ports[0].port"."""
    if isinstance(template, dict):
        found = [f"{'.' + key}{place}" for key, each in template.items() if (place := place_of(each)) is not None]
        return (found or [None])[0]
    if isinstance(template, list):
        found = [f"[{at}]{place}" for at, each in enumerate(template) if (place := place_of(each)) is not None]
        return (found or [None])[0]
    return "" if isinstance(template, str) and "VALUE" in template else None


def fill(template: Any, value: Any) -> Any:
    """The template with the value where it says VALUE: as it is if that is all, else as text."""
    if isinstance(template, dict):
        return {key: fill(each, value) for key, each in template.items()}
    if isinstance(template, list):
        return [fill(each, value) for each in template]
    if template == "VALUE":
        return copy.deepcopy(value)
    if isinstance(template, str) and "VALUE" in template:
        return template.replace("VALUE", str(value))
    return template


def merge(target: Any, change: Any) -> Any:
    """Objects are merged; null stays null, since that, too, is sent."""
    if not isinstance(change, dict) or not isinstance(target, dict):
        return copy.deepcopy(change)
    return target | {key: merge(target.get(key), value) for key, value in change.items()}


def least_of(path: Path) -> int:
    """How many cases the table must at least hold."""
    return yaml.safe_load(path.read_text())["least"]


# --- what is sent ---------------------------------------------------------------------------------------------

_numbers = itertools.count(1)


_PLURALS = {
    "AccessRequest": "accessrequests", "AccessDecision": "accessdecisions", "JitPolicy": "jitpolicies",
    "CloudAccount": "cloudaccounts",
}


def collection_path(kind: str, namespace: str) -> str:
    scope = "" if kind == "CloudAccount" else f"/namespaces/{namespace}"
    return f"/apis/portcullis.dev/v1alpha1{scope}/{_PLURALS[kind]}"


def body_of(case: Case, spec: dict[str, Any]) -> str:
    """The object as JSON text."""
    metadata = {"name": f"corpus-{next(_numbers)}"} | fill(case.get("metadata", {}), case.value)
    document = {"apiVersion": "portcullis.dev/v1alpha1", "kind": case.kind, "metadata": metadata, "spec": spec}
    text = json.dumps(document, ensure_ascii=False)
    return text.replace(json.dumps(RAW, ensure_ascii=False), case.value) if case.get("raw") else text


def good_spec(case: Case) -> dict[str, Any]:
    """The good spec of the kind with what the case says."""
    return merge(GIVEN["bases"][case.kind], case.spec)


# --- what an API server answers -------------------------------------------------------------------------------


class Sentences:
    """Tells a CRD's own rules (CEL) from its schema by what they say."""

    def __init__(self, crds: dict[str, dict[str, Any]]) -> None:
        self._patterns = {
            kind: [
                _pattern(rule)
                for version in crd["spec"]["versions"]
                for rule in _rules(version["schema"]["openAPIV3Schema"])
            ]
            for kind, crd in crds.items()
        }

    def layer_of(self, kind: str, cause: dict[str, str]) -> str:
        return "cel" if any(pattern.search(cause["message"]) for pattern in self._patterns[kind]) else "schema"


def _rules(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from schema.get("x-kubernetes-validations", [])
    for child in schema.get("properties", {}).values():
        yield from _rules(child)
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from _rules(schema[name])


def _pattern(rule: dict[str, Any]) -> re.Pattern[str]:
    if "message" in rule:
        return re.compile(re.escape(rule["message"]))
    words = [text for text in re.findall(r"'([^']*)'", rule["messageExpression"]) if len(text) >= 8]
    assert words, rule
    return re.compile(".*".join(map(re.escape, words)), re.DOTALL)


def layer_of(kind: str, answer: Any, sentences: Sentences) -> str:
    """Which layer gave this answer to a create."""
    if answer.status == 201:
        return "accepted"
    if answer.status == 400:
        return "decoder"
    if answer.status == 403:
        return "admission" if "ValidatingAdmissionPolicy 'portcullis-" in answer.message else "rbac"
    assert answer.status == 422, f"{answer.status} {answer.message}"
    layers = {sentences.layer_of(kind, cause) for cause in causes_of(answer)}
    return "schema" if "schema" in layers else "cel"


def causes_of(answer: Any) -> list[dict[str, str]]:
    """Without the remark that rules were left out because the schema had refused already."""
    return [cause for cause in answer.body["details"]["causes"] if "rules were not checked" not in cause["message"]]


def judge(case: Case, answer: Any, sentences: Sentences) -> None:
    """Asserts that the right layer gave the right answer, in words that help."""
    said = f"{answer.status} {answer.message}"
    assert layer_of(case.kind, answer, sentences) == case.layer, said
    if case.layer == "accepted":
        check_stored(case, answer.body["spec"])
        return
    for words in case.says:
        assert words in answer.message, said
    if case.layer not in ("schema", "cel"):
        return
    assert case.get("field"), "a refusal by the schema or its rules names a field"
    wanted = fill(case.get("field"), case.value)
    causes = causes_of(answer)
    assert wanted in [cause["field"] for cause in causes], said
    named = "".join(cause["message"] for cause in causes if cause["field"] == wanted)
    told = not case.get("unnamed") and not any("must be of type" in words for words in case.says)
    if told and isinstance(case.value, str | int) and str(case.value).isascii():
        assert json.dumps(case.value) in named or str(case.value) in named, f"the value is not named: {said}"


def check_stored(case: Case, stored: dict[str, Any]) -> None:
    """`stored` of the case is a part of what is stored: accepted, and equal to that."""
    for key, wanted in fill(case.get("stored", {}), case.value).items():
        assert stored.get(key) == wanted, stored
