"""What the lab's log tells about the open rules of an NSG."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from bench.stage import seconds_of

_RULE = re.compile(r"/networksecuritygroups/nsg-(\d+)/securityrules/(portcullis-[^/?]*-open-[^/?]*)$", re.IGNORECASE)


@dataclass(frozen=True)
class RuleWrite:
    """A write of an open rule that arrived at the cloud."""

    at: float
    group: int
    rule: str
    sources: tuple[str, ...]  # none: a DELETE

    def lets_in(self, source: str) -> bool:
        return any(ip_address(source) in ip_network(prefix) for prefix in self.sources)


def rule_writes(log: Iterable[dict[str, Any]]) -> list[RuleWrite]:
    """Those of open rules, oldest first; refused ones are none."""
    out = []
    for entry in log:
        found = _RULE.search(entry["path"])
        if not found or entry["method"] not in ("PUT", "DELETE") or entry["status"] >= 300:
            continue
        sources: tuple[str, ...] = ()
        if entry["method"] == "PUT":
            properties = entry["body"]["properties"]
            single = properties.get("sourceAddressPrefix")
            sources = tuple(properties.get("sourceAddressPrefixes") or ([single] if single else []))
        out.append(RuleWrite(seconds_of(entry["time"]), int(found[1]), found[2].lower(), sources))
    return out


def opened_at(writes: Iterable[RuleWrite], group: int, source: str) -> float | None:
    """When the first write arrived that lets the source in."""
    return next((write.at for write in writes if write.group == group and write.lets_in(source)), None)


def closed_at(writes: Iterable[RuleWrite], group: int, source: str) -> float | None:
    """When the write arrived after which no rule lets the source in any more; None: one still does."""
    letting_in: dict[str, bool] = {}
    closed: float | None = None
    for write in writes:
        if write.group != group:
            continue
        before = any(letting_in.values())
        letting_in[write.rule] = write.lets_in(source)
        after = any(letting_in.values())
        if before and not after:
            closed = write.at
        elif after:
            closed = None
    return closed


def by_group(writes: Iterable[RuleWrite]) -> dict[int, list[RuleWrite]]:
    out: dict[int, list[RuleWrite]] = defaultdict(list)
    for write in writes:
        out[write.group].append(write)
    return out
