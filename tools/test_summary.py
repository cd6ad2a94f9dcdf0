"""Says in one line how many test cases passed, failed and were skipped: the sum over all programs that ctest ran.

Usage: test_summary.py TESTS.XML, as written by `ctest --output-junit`. A program whose output tells no number counts
as one. Exit status 1 if anything failed or nothing passed.
"""

import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter

_CATCH_PASSED = re.compile(r"^All tests passed \(.* in (\d+) test cases?\)", re.MULTILINE)
_CATCH_MIXED = re.compile(r"^test cases:\s*(.*)", re.MULTILINE)
_PYTEST = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+,? ?)+) in [\d.]+s", re.MULTILINE)


def count(output: str, passed: bool) -> Counter[str]:
    """How many cases of which outcome one program had."""
    counts: Counter[str] = Counter()
    if found := _CATCH_PASSED.findall(output):
        counts["passed"] = int(found[-1])
    else:
        told = _CATCH_MIXED.findall(output) or _PYTEST.findall(output)
        for number, outcome in re.findall(r"(\d+) ([a-z]+)", told[-1] if told else ""):
            counts[{"error": "failed", "errors": "failed"}.get(outcome, outcome)] += int(number)
    counts = Counter({outcome: counts[outcome] for outcome in ("passed", "failed", "skipped") if counts[outcome]})
    if passed:
        del counts["failed"]  # Catch counts those that may fail
    if not counts:
        counts["passed" if passed else "failed"] = 1
    if not passed and not counts["failed"]:  # it broke outside of a case: a crash, a sanitizer, a timeout
        counts["failed"] = 1
    return counts


def main() -> int:
    total: Counter[str] = Counter()
    for case in xml.parse(sys.argv[1]).getroot().iter("testcase"):
        if case.get("status") in ("disabled", "notrun") or case.find("skipped") is not None:
            total["skipped"] += 1
            continue
        total += count(case.findtext("system-out") or "", passed=case.find("failure") is None)
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}", flush=True)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
