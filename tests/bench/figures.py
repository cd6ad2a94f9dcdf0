"""Figures with what they are held against. Counts decide; times depend on the machine and only inform."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Printed as they come; `missed` are those that decide and do not hold."""

    missed: list[str] = field(default_factory=list)

    def part(self, title: str) -> None:
        print(f"\n{title}", flush=True)

    def count(self, name: str, value: float, at_most: float) -> None:
        """A number that must not be above the limit."""
        holds = value <= at_most
        if not holds:
            self.missed.append(f"{name}: {value:g}, at most {at_most:g}")
        self._print(name, f"{value:g}", f"at most {at_most:g}", "ok" if holds else "MISSED")

    def at_least(self, name: str, value: float, least: float) -> None:
        holds = value >= least
        if not holds:
            self.missed.append(f"{name}: {value:g}, at least {least:g}")
        self._print(name, f"{value:g}", f"at least {least:g}", "ok" if holds else "MISSED")

    def info(self, name: str, value: float, unit: str, goal: float | None = None) -> None:
        """A figure that informs; a goal that it misses is said and fails nothing."""
        told = f"goal {goal:g}" if goal is not None else ""
        verdict = "" if goal is None else ("ok" if value <= goal else "above")
        self._print(name, f"{value:.4g} {unit}", told, verdict)

    def times(self, name: str, seconds: Sequence[float], p50: float | None = None, p99: float | None = None) -> None:
        """Percentiles of times, in milliseconds."""
        for label, share, goal in (("p50", 0.50, p50), ("p90", 0.90, None), ("p99", 0.99, p99), ("max", 1.0, None)):
            self.info(f"{name}, {label}", percentile(seconds, share) * 1000, "ms", goal)

    def _print(self, name: str, value: str, held_against: str, verdict: str) -> None:
        print(f"  {name:<62} {value:>12}  {held_against:<14} {verdict}".rstrip(), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
