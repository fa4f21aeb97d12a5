"""The learned patterns and their file: JSON, replaced as one step, for the owner only. Blocking code."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.disk import StateFileError, Turn, move_aside, read_whole, replace_whole
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
    """The file at `path`. A write that was given up may still run on its thread: what was read or written later is
    never replaced by it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def turn(self) -> Turn:
        """A turn at the file, behind all that were made before. To be made on the loop."""
        return Turn(self.path)

    def load(self, turn: Turn) -> dict[Key, Experience]:
        """The saved patterns; none when there is no file. Raises `UnreadablePatternsError`."""
        try:
            text = read_whole(self.path, MAX_FILE_BYTES, turn)
        except (OSError, StateFileError) as error:
            raise UnreadablePatternsError(str(error)) from error
        return {} if text is None else parse_patterns(text)

    def save(self, patterns: dict[Key, Experience], turn: Turn) -> None:
        """Replaces the file as one step: after a crash it holds the old state or the new one. Raises `OSError`."""
        rows = [
            _Pattern(
                step_type=key[0], error_code=key[1], strategy=key[2], successes=seen.successes, attempts=seen.attempts
            )
            for key, seen in patterns.items()
        ]
        self._replace(_File(patterns=rows).model_dump_json(indent=1), turn)

    def set_aside(self, turn: Turn) -> Path:
        """Moves an unreadable file out of the way, to the first free `.unreadable` name. Raises `OSError`."""
        return move_aside(self.path, turn)

    def _replace(self, text: str, turn: Turn) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(self.path, text.encode("utf-8"), turn)
