"""Each condition, reason and state is explained, and brought about by a test with the programs as they are shipped."""

import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for what the tests share; pytest's importlib mode does not do that

from asserted import Asserted, asserted_in, collect  # noqa: E402

ROOT = HERE.parents[1]
REFERENCE = (ROOT / "docs/reference.md").read_text()
DECLARED = r'inline constexpr const char\* \w+ = "(\w+)";'


def declared(path: str, pattern: str = DECLARED) -> list[str]:
    found = re.findall(pattern, (ROOT / path).read_text())
    assert found, f"nothing in {path} looks like {pattern}"
    return found


TYPES = declared("src/model/condition_types.hpp")
REASONS = declared("src/plan/reasons.hpp")
# Reasons of an account's Orphans and of a grant that is not open.
PROBLEMS = declared("src/plan/rule_plan.cpp", r'case ProblemKind::\w+:\s+return "(\w+)";')
STATES = declared("src/plan/request_status.hpp")
TARGET_STATES = declared("src/plan/words.cpp", r'case TargetState::State::\w+:\s+return "(\w+)";')
END_TO_END = asserted_in(ROOT / "tests/e2e", ROOT / "tests/corpus")

# What the shipped operator cannot be brought to say within the time of an end-to-end test: the unit test that has it,
# and why it is there.
UNIT_ONLY: dict[str, tuple[str, str]] = {
    "BudgetUsedUp": ("tests/unit/controllers/account_reconciler_test.cpp",
                     "an account's own reads come before all but closings, so only minutes of these keep it from asking"),
}


def rows() -> list[list[str]]:
    """The cells of all table rows whose first or second cell is a word."""
    return [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in REFERENCE.splitlines()
        if re.match(r"^\| (\w+ \| )?`\w+`", line)
    ]


def explanations(word: str) -> list[list[str]]:
    """Meaning and what to do, of each row that explains the word."""
    out = []
    for cells in rows():
        first = 0 if cells[0].startswith("`") else 1
        if f"`{word}`" in cells[first]:
            out.append(cells[first + 1 :])
    return out


@pytest.mark.parametrize("word", sorted({*TYPES, *REASONS, *PROBLEMS}))
def test_it_is_explained_what_it_means_and_what_to_do(word: str) -> None:
    told = explanations(word)
    assert told, f"{word} is not explained in docs/reference.md"
    assert any(len(cells) == 2 and all(len(cell) >= 5 for cell in cells) for cells in told), told


@pytest.mark.parametrize("word", sorted({*REASONS, *PROBLEMS}))
def test_each_reason_is_brought_about(word: str) -> None:
    is_brought_about(word, END_TO_END.reason)


@pytest.mark.parametrize("word", TYPES)
def test_each_condition_is_brought_about(word: str) -> None:
    is_brought_about(word, END_TO_END.type)


@pytest.mark.parametrize("word", sorted({*STATES, *TARGET_STATES}))
def test_each_state_is_brought_about(word: str) -> None:
    is_brought_about(word, END_TO_END.state)


def is_brought_about(word: str, asserted: set[str]) -> None:
    if word not in UNIT_ONLY:
        assert word in asserted, f"no test in tests/e2e demands {word} (see tests/docs/asserted.py)"
        return
    path, why = UNIT_ONLY[word]
    assert word not in asserted, f"{word} is demanded in tests/e2e: it need not stand in the list"
    checks = re.findall(r"\b(?:CHECK|REQUIRE)\w*\((?:.|\n)*?;", (ROOT / path).read_text())
    assert any(f'"{word}"' in check for check in checks), f"no check of {path} names {word}"
    assert why


def test_the_list_of_what_only_unit_tests_have_is_short() -> None:
    assert set(UNIT_ONLY) <= {*TYPES, *REASONS, *PROBLEMS, *STATES, *TARGET_STATES}
    assert len(UNIT_ONLY) <= 5


def test_reasons_and_types_come_from_the_lists_alone() -> None:
    for folder in ("plan", "controllers"):
        for path in (ROOT / "src" / folder).glob("*.cpp"):
            text = path.read_text()
            assert not re.findall(r'(?<!proposal)\.reason = "', text), path
            assert not re.findall(r'\.type =?= ?"', text), path


COUNTED = '''
def test_a():
    """Overdue is a reason only in these words."""
    # assert condition["reason"] == "Commented"
    request.wait_condition("Ready", "False", "Waited")
    wait_for(lambda: request.condition("Settled").get("reason") == "Compared", 5, "Described")
    assert "Listed" in [event["reason"] for event in request.events()]
    assert request.state == "Active" and condition["message"] == "Said"
    request.patch({"spec": {"reason": "Sent"}})
    request.wait_state("Expired")
    request.wait_state("Closing", "Revoked")
    assert request.condition("Approved")["reason"] in ("Either", "Or")
    assert request.condition("Approved")["reason"] != "Other"
    note("Logged", reason="Passed")
'''


def test_only_what_a_test_demands_counts() -> None:
    found = Asserted()
    collect(COUNTED, found)
    assert found.reason == {"Waited", "Compared", "Listed"}
    assert found.type == {"Ready", "Settled", "Approved"}
    assert found.state == {"Active", "Expired"}
