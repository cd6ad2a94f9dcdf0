"""Names for what tests make, so that a log tells which test it was."""

import re

_taken: set[str] = set()


def fresh_namespace_name(test: str) -> str:
    """A valid name for a namespace, made from the test's, and never the same twice in this process."""
    base = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-")[:50].strip("-") or "test"
    name, number = base, 1
    while name in _taken:
        number += 1
        name = f"{base}-{number}"
    _taken.add(name)
    return name
