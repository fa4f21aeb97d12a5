"""The learned patterns and their file: JSON, replaced as one step, for the owner only. Blocking code."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.recovery import Experience, Strategy

Key = tuple[str, str, Strategy]

_saves = itertools.count(1)

MAX_PATTERNS: Final = 10_000
MAX_FILE_BYTES: Final = 10_000_000


class _Pattern(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step_type: str
    error_code: str
    strategy: Strategy
    successes: int = Field(ge=0)
    attempts: int = Field(ge=0)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    patterns: list[_Pattern] = []


class UnreadablePatternsError(Exception):
    """The file is there and is not what was written."""


def counted(patterns: dict[Key, Experience], key: Key, fitted: bool) -> dict[Key, Experience]:
    """The patterns with one more attempt. The one touched longest ago makes room beyond `MAX_PATTERNS`."""
    seen = patterns.get(key, Experience())
    rest = {each: value for each, value in patterns.items() if each != key}
    if len(rest) >= MAX_PATTERNS:
        del rest[next(iter(rest))]
    return {**rest, key: Experience(seen.successes + fitted, seen.attempts + 1)}


class PatternFile:
    """The file at `path`. A write that was given up may still run on its thread: a later state is never replaced by an
    earlier one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._newest = 0

    def load(self) -> dict[Key, Experience]:
        """The saved patterns; none when there is no file. Raises `UnreadablePatternsError`."""
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_FILE_BYTES + 1)
            if len(text) > MAX_FILE_BYTES:
                raise UnreadablePatternsError(f"larger than {MAX_FILE_BYTES} bytes")
            saved = _File.model_validate_json(text)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UnreadablePatternsError(str(error)) from error
        return {(p.step_type, p.error_code, p.strategy): Experience(p.successes, p.attempts) for p in saved.patterns}

    def save(self, number: int, patterns: dict[Key, Experience]) -> None:
        """Replaces the file by state number `number`, unless a later one stands: after a crash it holds one of the two.

        Raises `OSError`.
        """
        rows = [
            _Pattern(
                step_type=key[0], error_code=key[1], strategy=key[2], successes=seen.successes, attempts=seen.attempts
            )
            for key, seen in patterns.items()
        ]
        text = _File(patterns=rows).model_dump_json(indent=1)
        with self._lock:
            if number > self._newest:
                self._replace(text)
                self._newest = number

    def set_aside(self) -> Path:
        """Moves an unreadable file out of the way, to the first free `.unreadable` name. Raises `OSError`."""
        kept, number = self.path.with_name(f"{self.path.name}.unreadable"), 1
        while kept.exists():
            number += 1
            kept = self.path.with_name(f"{self.path.name}.unreadable.{number}")
        self.path.replace(kept)
        return kept

    def _replace(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own: the write of a killed database may still be under way on its thread.
        temporary = self.path.with_name(f".{self.path.name}.{next(_saves)}.new")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
