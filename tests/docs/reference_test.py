"""docs/reference.md says everything that the program can say, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs/reference.md").read_text()


def rows() -> dict[str, list[str]]:
    """The first words of each table row, by the heading above."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in REFERENCE.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| `"):
            found.setdefault(heading, []).extend(re.findall(r"`([^`]+)`", line.split("|")[1]))
    return found


def constants(path: str, pattern: str) -> list[str]:
    found = re.findall(pattern, (ROOT / path).read_text())
    assert found, f"nothing in {path} looks like {pattern}"
    return found


REASONS = constants("src/plan/reasons.hpp", r'constexpr const char\* \w+ = "(\w+)";')
REASON_HEADINGS = [heading for heading in rows() if heading.startswith(("Why ", "Policies and"))]
STATES = constants("src/plan/request_status.hpp", r'constexpr const char\* \w+ = "(\w+)";')
PROBLEMS = constants("src/plan/rule_plan.cpp", r'case ProblemKind::\w+:\s+return "(\w+)";')
TARGET_STATES = constants("src/plan/words.cpp", r'case TargetState::State::\w+:\s+return "(\w+)";')


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_explained_once(reason):
    explained = [word for heading in REASON_HEADINGS for word in rows()[heading]]
    assert explained.count(reason) == 1


def test_no_reason_is_explained_that_does_not_exist():
    explained = {word for heading in REASON_HEADINGS for word in rows()[heading]}
    assert explained - set(REASONS) == set()


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("States of a request (`status.state`)", STATES),
        ("States of a policy's machine (`status.targets[].state`)", TARGET_STATES),
        ("What is found in an NSG", PROBLEMS),
    ],
)
def test_a_list_of_words_is_complete(heading, words):
    assert sorted(rows()[heading]) == sorted(words)


def flags_in(path: str) -> list[str]:
    return constants(path, r'(?:text\(|add_option\(|add_option_function<[^(]*\(|add_flag\()\s*"(--[a-z-]+)[",]')


def section(heading: str) -> str:
    return REFERENCE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_each_flag_of_the_operator_is_explained_with_its_environment_variable():
    flags, environment = [], []
    for path in ("src/app/flags.cpp", "src/app/options.cpp"):
        flags += [flag for flag in flags_in(path) if flag != "--output"]  # that one is of other commands
        environment += constants(path, r'"((?:PORTCULLIS|AZURE|POD)_[A-Z_]+)"')
    assert len(flags) == len(environment)
    table = dict(re.findall(r"^\| `(--[a-z-]+)` \| `([A-Z_]+)` \|", REFERENCE, re.MULTILINE))
    assert table == dict(zip(flags, environment, strict=True))


@pytest.mark.parametrize(
    ("heading", "source"),
    [
        ("Closing without Kubernetes: `portcullis reap`", "src/app/reap_options.cpp"),
        ("What is missing: `portcullis check`", "src/app/check_options.cpp"),
    ],
)
def test_each_flag_of_a_command_is_explained(heading, source):
    table = re.findall(r"^\| `(--[a-z-]+)` \|", section(heading), re.MULTILINE)
    assert sorted(table) == sorted([*flags_in(source), "--output"])


def test_each_outcome_of_reap_is_explained():
    outcomes = constants("src/app/reap_report.cpp", r'case ReapOutcome::\w+:\s+return "([\w-]+)";')
    assert rows()["Closing without Kubernetes: `portcullis reap`"][-len(outcomes):] == outcomes


def test_the_rights_that_are_checked_in_a_cloud_are_those_that_the_docs_ask_for():
    checked = constants("src/app/cloud_expectations.cpp", r'"(Microsoft\.[\w/.]+)"')
    asked = re.findall(r"^(Microsoft\.[\w/.]+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert sorted([*checked, "Microsoft.Resources/subscriptions/read"]) == sorted(asked)


def test_each_exit_code_is_explained():
    codes = constants("src/app/flags.hpp", r"constexpr int \w+ = (\d+);")
    assert re.findall(r"^\| (\d) \|", REFERENCE, re.MULTILINE) == codes


def test_each_condition_is_explained_and_no_other() -> None:
    conditions = constants("src/model/condition_types.hpp", r'constexpr const char\* \w+ = "(\w+)";')
    assert set(re.findall(r"^\| \w+ \| `(\w+)` \|", REFERENCE, re.MULTILINE)) == set(conditions)


def test_each_metric_is_explained_with_its_type_and_labels():
    source = (ROOT / "src/app/metric_names.hpp").read_text()
    pattern = r'Metric \w+\{\s*"(portcullis_\w+)",\s*Type::(\w+),\s*\{([^}]*)\}'
    declared = {
        name: (kind.lower(), re.findall(r'"(\w+)"', labels)) for name, kind, labels in re.findall(pattern, source)
    }
    assert len(declared) == source.count("inline constexpr Metric ") > 0
    rows = re.findall(r"^\| `(portcullis_\w+)` \| (\w+) \|([^|]*)\|", REFERENCE, re.MULTILINE)
    explained = {name: (kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows}
    assert explained == declared and len(rows) == len(declared)


def test_links_between_the_pages_lead_somewhere():
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
