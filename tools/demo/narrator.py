"""Tells what happens, a few lines a step, and keeps the table of what was expected and what was seen."""

import sys
import textwrap
import time
from dataclasses import dataclass

_WIDTH = 110
_WRAP = textwrap.TextWrapper(_WIDTH - 7, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


@dataclass(frozen=True)
class Observation:
    step: int
    what: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.expected == self.seen


class Narrator:
    """Prints at once, so that a reader sees the story while it happens. Colours only on a terminal."""

    def __init__(self) -> None:
        self.observations: list[Observation] = []
        self._step = 0
        self._started = time.monotonic()
        self._colours = sys.stdout.isatty()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def step(self, title: str, told: str = "") -> None:
        self._step += 1
        self._print(f"\n{self._bold(f'{self._step}. {title}')}  [{self.seconds:.0f} s]")
        if told:
            self.say(told)

    def say(self, text: str) -> None:
        for line in textwrap.wrap(" ".join(text.split()), _WIDTH - 3):
            self._print(f"   {line}")

    def command(self, user: str, command: str) -> None:
        self._print(f"   {user}$ {command}")

    def output(self, text: str) -> None:
        for line in text.strip().splitlines():
            # Only what is too long is wrapped: tables keep their columns.
            parts = [line] if len(line) <= _WIDTH - 7 else _WRAP.wrap(line)
            for part in parts:
                self._print(f"     | {part}")

    def observe(self, what: str, expected: str, seen: str) -> bool:
        """One line for the reader and one row of the table. What was expected is said, not assumed."""
        observation = Observation(self._step, what, expected, seen)
        self.observations.append(observation)
        mark = self._ok("ok") if observation.ok else self._bad(f"NOT AS TOLD: expected {expected}")
        self._print(f"   - {what}: {seen}  {mark}")
        return observation.ok

    @property
    def all_as_told(self) -> bool:
        return bool(self.observations) and all(observation.ok for observation in self.observations)

    def table(self) -> None:
        rows = [("step", "observation", "expected", "seen", "ok")]
        rows += [
            (str(o.step), o.what, o.expected, o.seen, "yes" if o.ok else "NO") for o in self.observations
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        self._print("")
        for number, row in enumerate(rows):
            self._print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            if number == 0:
                self._print("  ".join("-" * width for width in widths))
        wrong = sum(not observation.ok for observation in self.observations)
        count = len(self.observations)
        self._print(f"\n{count - wrong} of {count} observations were as told.")

    def _print(self, line: str) -> None:
        print(line, flush=True)

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self._colours else text

    def _ok(self, text: str) -> str:
        return f"\033[32m{text}\033[0m" if self._colours else text

    def _bad(self, text: str) -> str:
        return f"\033[31;1m{text}\033[0m" if self._colours else text
