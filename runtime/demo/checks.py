"""Prints PASS or FAIL for each claim and remembers whether all of them held."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TextIO

PAINT = {"PASS": "\x1b[32mPASS\x1b[0m", "FAIL": "\x1b[31mFAIL\x1b[0m"}


@dataclass(slots=True)
class Checks:
    """A tally of claims. Nothing raises: a failed claim must not hide the ones after it."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    passed: int = 0
    failures: list[str] = field(default_factory=list[str])

    def title(self, text: str) -> None:
        """Prints the heading of an act."""
        self._line(f"\n== {text}")

    def say(self, text: str) -> None:
        """Prints what happens, indented."""
        for line in text.splitlines() or [""]:
            self._line(f"   {line}")

    def check(self, held: object, claim: str, found: object = "") -> bool:
        """Records `claim`; when it did not hold, `found` says what was there instead."""
        word = "PASS" if held else "FAIL"
        self._line(f"{PAINT[word] if self.out.isatty() else word} {claim}")
        if held:
            self.passed += 1
            return True
        self.failures.append(claim)
        if found not in ("", None):
            self.say(f"found: {str(found).strip()[-2000:]}")
        return False

    @property
    def all_held(self) -> bool:
        """Whether at least one claim was checked and none failed."""
        return self.passed > 0 and not self.failures

    def _line(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()
