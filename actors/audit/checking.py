"""Checks an audit log on the disk, whole or a piece, and names file and line of what is wrong. Needs no node."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from actors.audit.errors import NoAuditLogError
from actors.audit.segments import AuditPlace, lines_of, noted_heads, segments
from pipelines.guardrails.audit_chain import BEGINNING, AuditEntry, Flaw, Head, Verification, read_entry, verify

CUT = "the line has no end: it was cut"
_PAUSE_EVERY = 50
_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class LocatedFlaw:
    """What is wrong, and where; `line` counts from 1 in `file`. `unfinished`: it is the log's very last line, and has
    no end."""

    file: Path
    line: int
    what: str
    unfinished: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to. `start` is the head before the first entry: other than the beginning for a piece."""

    start: Head
    head: Head
    entries: int
    flaws: tuple[LocatedFlaw, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing was changed, taken out or put in."""
        return not self.flaws


def check_place(place: AuditPlace, head: Head | None = None, *, paced: bool = False) -> Checked:
    """Checks all segments against the notes of their heads, and against `head` when one is given.

    `paced` leaves the processor to others every few milliseconds, for a check beside a node at work. Raises
    `OSError` for what cannot be read, `NoAuditLogError` where there is neither log nor note.
    """
    noted = [*noted_heads(place.heads), *([head] if head else ())]
    files = segments(place.directory)
    if not files and not noted:
        raise NoAuditLogError(place.directory, place.heads)
    checked = _check(files or [place.directory], noted, BEGINNING, paced, bool(files))
    last = max((each.number for each in noted), default=0)
    if len(checked.flaws) == 1 and checked.flaws[0].unfinished and checked.head.number >= last:
        # A node is at work, or was cut off in a write that nobody heard of; its next start puts that right.
        return replace(checked, flaws=())
    return checked


def check_file(file: Path, head: Head | None = None) -> Checked:
    """Checks one segment or export by itself, from its first entry on: what came before is taken as it says."""
    return _check([file], [head] if head else [], _start_of(file), False, True)


def entries_of(files: Sequence[Path]) -> Iterator[AuditEntry]:
    """The readable entries of some segments, unchecked, oldest first."""
    for file in files:
        for line, _ in lines_of(file):
            try:
                yield read_entry(line)
            except ValueError:
                continue


def last_entries(directory: Path, count: int) -> list[AuditEntry]:
    """The last `count` readable entries, oldest first."""
    found: deque[AuditEntry] = deque()
    for file in reversed(segments(directory)):
        newest = deque(entries_of([file]), maxlen=count - len(found))
        found.extendleft(reversed(newest))
        if len(found) >= count:
            break
    return list(found)


class _Reader:
    """Gives the lines of several files as one sequence, and knows where each came from."""

    def __init__(self, files: Sequence[Path], paced: bool) -> None:
        self._files = files
        self._ends: list[int] = []
        self._pause = threading.Event() if paced else None
        self.cut: list[int] = []
        self.last = 0

    def lines(self) -> Iterator[str]:
        number = 0
        for file in self._files:
            for line, ended in lines_of(file):
                number = self.last = number + 1
                if not ended:
                    self.cut.append(number)
                if self._pause is not None and number % _PAUSE_EVERY == 0:
                    self._pause.wait(_PAUSE_S)
                # What was not finished counts for nothing, even if only its end is missing.
                yield line if ended else ""
            self._ends.append(number)

    def locate(self, flaw: Flaw) -> LocatedFlaw:
        before = 0
        for file, end in zip(self._files, self._ends, strict=False):
            if flaw.line <= end:
                return LocatedFlaw(file, flaw.line - before, flaw.what)
            before = end
        # In a file that was not read to its end, or behind the last line of all.
        read = len(self._ends)
        if read < len(self._files):
            return LocatedFlaw(self._files[read], flaw.line - before, flaw.what)
        former = self._ends[-2] if read > 1 else 0
        return LocatedFlaw(self._files[-1], max(flaw.line - former, 1), flaw.what)


def _check(files: Sequence[Path], noted: Collection[Head], start: Head, paced: bool, there: bool) -> Checked:
    reader = _Reader(files, paced)
    checked = verify(reader.lines() if there else (), noted, start=start)
    cut = set(reader.cut)
    flaws = [Flaw(flaw.line, CUT) if flaw.line in cut else flaw for flaw in checked.flaws]
    located = [reader.locate(flaw) for flaw in flaws]
    if flaws and reader.last in cut and flaws[-1].line == reader.last:
        located[-1] = replace(located[-1], unfinished=True)
    return Checked(start, _sound_head(checked, start), checked.entries, tuple(located))


def _sound_head(checked: Verification, start: Head) -> Head:
    return checked.head if checked.entries else start


def _start_of(file: Path) -> Head:
    """The head before the file's first entry; where that cannot be read, the chain's beginning."""
    for line, _ in lines_of(file):
        try:
            first = read_entry(line)
        except ValueError:
            break
        return Head(first.number - 1, first.previous)
    return BEGINNING


def place_of(path: Path) -> AuditPlace | Path:
    """What a person means by a path: a state directory or the log's own directory (a place), or one file."""
    if not path.is_dir():
        return path
    if segments(path) or path.name == "audit":
        return AuditPlace(path, Path(os.path.abspath(path)).parent / "audit_heads.txt")  # noqa: PTH100 - resolves no links
    return AuditPlace.of(path)
