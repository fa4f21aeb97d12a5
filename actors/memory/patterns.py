"""The learned patterns and their file: JSON, replaced as one step, for the owner only. Blocking code."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.disk import StateFileError, move_aside, read_whole, replace_whole
from pipelines.recovery import Experience, Strategy

Key = tuple[str, str, Strategy]

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


def parse_patterns(text: bytes) -> dict[Key, Experience]:
    """The saved patterns. Raises `UnreadablePatternsError` for what no `save` has written."""
    try:
        saved = _File.model_validate_json(text)
    except ValueError as error:
        raise UnreadablePatternsError(str(error)) from error
    return {(p.step_type, p.error_code, p.strategy): Experience(p.successes, p.attempts) for p in saved.patterns}


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
            text = read_whole(self.path, MAX_FILE_BYTES)
        except (OSError, StateFileError) as error:
            raise UnreadablePatternsError(str(error)) from error
        return {} if text is None else parse_patterns(text)

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
        return move_aside(self.path)

    def _replace(self, text: str) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(self.path, text.encode("utf-8"))
