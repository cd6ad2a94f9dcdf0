"""Which conditions, reasons and states the tests with the shipped programs demand by name.

A word counts where it decides whether a test passes: in an assertion or another comparison, as an argument of what
waits for it, or as the expectation of a table's row. Comments, docstrings and what is only sent to the API do not;
nor does one of several that would do, or what must not be.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# What is waited for or looked up, by the place of each argument; what is behind the last one is of its role, too.
_CALLS = {
    "wait_condition": ("type", "status", "reason", "other"),
    "condition": ("type",),
    "wait_told": ("other", "type", "status", "reason", "other"),
    "wait_state": ("state",),
    "Case": ("other", "state", "reason", "other"),
}
_KEYWORDS = {"reason": "reason", "state": "state", "waits_for_policy": "reason"}
# Keys of rows in tests/corpus: what the object says then.
_ROWS = {"reason": "reason", "locked": "reason", "ready": "reason", "state": "state"}


@dataclass
class Asserted:
    """Words by what they are the name of."""

    type: set[str] = field(default_factory=set)
    reason: set[str] = field(default_factory=set)
    state: set[str] = field(default_factory=set)

    def add(self, role: str, word: str) -> None:
        if role in ("type", "reason", "state"):
            getattr(self, role).add(word)


def asserted_in(tests: Path, tables: Path) -> Asserted:
    found = Asserted()
    for path in sorted(tests.glob("*.py")):
        collect(path.read_text(), found)
    for path in sorted(tables.glob("*.yaml")):
        for key, value in _pairs(yaml.safe_load(path.read_text())):
            if key in _ROWS and isinstance(value, str):
                found.add(_ROWS[key], value)
    return found


def collect(text: str, found: Asserted) -> None:
    """Of the text of one test file."""
    _Collector(found).visit(ast.parse(text))


class _Collector(ast.NodeVisitor):
    def __init__(self, found: Asserted) -> None:
        self._found = found
        self._taken: set[ast.AST] = set()  # words whose role is known

    def visit_Call(self, node: ast.Call) -> None:
        name = _name_of(node.func)
        if name == "get":
            self._taken.update(node.args[:1])
        roles = _CALLS.get(name)
        if name == "wait_state" and len(node.args) > 1:
            roles = ("other",)  # one of several would do
        if roles:
            for place, argument in enumerate(node.args):
                self._take(argument, roles[min(place, len(roles) - 1)])
            for keyword in node.keywords:
                self._take(keyword.value, _KEYWORDS.get(keyword.arg or "", "other"))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._taken.add(node.slice)  # a key is nothing that is demanded
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        # What is inside first, so that what it names is not taken for what is compared.
        self.generic_visit(node)
        if any(_leaves_open(operator, right) for operator, right in zip(node.ops, node.comparators, strict=True)):
            return
        about = set(_words_about(node))
        for role in ("reason", "state", "type"):
            if role in about:
                for each in ast.walk(node):
                    self._take(each, role)
                return

    def _take(self, node: ast.AST, role: str) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in self._taken:
            self._taken.add(node)
            self._found.add(role, node.value)


def _leaves_open(operator: ast.cmpop, right: ast.expr) -> bool:
    """Whether a comparison may hold though the words in it do not: something else, or another of them."""
    if isinstance(operator, ast.NotEq | ast.NotIn):
        return True
    return isinstance(operator, ast.In) and isinstance(right, ast.Tuple | ast.List | ast.Set) and len(right.elts) > 1


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _words_about(node: ast.Compare) -> Iterator[str]:
    """What a comparison is about, by the keys, attributes and variables in it: "reason" of each["reason"]."""
    for each in ast.walk(node):
        match each:
            case ast.Subscript(slice=ast.Constant(value=str(key))):
                yield key
            case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(key)), *_]):
                yield key
            case ast.Attribute(attr=name) | ast.Name(id=name):
                yield name.removesuffix("s") if name in ("reasons", "states") else name


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key), each
            yield from _pairs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _pairs(each)
