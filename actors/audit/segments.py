"""Where the audit log lies: numbered files of one chain in a directory, and the notes of its heads outside of it.

    <state_dir>/audit/audit-000001.jsonl, audit-000002.jsonl, ...   the entries, one a line
    <state_dir>/audit_heads.txt (and .old)                          "number hash" of the last entry of each commit

Reading only; blocking code.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pipelines.guardrails.audit_chain import Head

DIRECTORY: Final = "audit"
HEADS: Final = "audit_heads.txt"
_LONGEST_PIECE = 2_000_000
_NAME = re.compile(r"audit-(\d{6,12})\.jsonl")
_NOTE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class AuditPlace:
    """The log's directory and the file of its heads."""

    directory: Path
    heads: Path

    @classmethod
    def of(cls, state_dir: Path) -> AuditPlace:
        """Those of a node's state directory."""
        return cls(state_dir / DIRECTORY, state_dir / HEADS)


def segments(directory: Path) -> list[Path]:
    """The log's files in the order of their numbers; none where there is no directory. Raises `OSError`."""
    try:
        found = [path for path in directory.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=number_of)


def number_of(segment: Path) -> int:
    """A segment's number, from its name; 0 for a file that is none."""
    matched = _NAME.fullmatch(segment.name)
    return int(matched.group(1)) if matched else 0


def segment(directory: Path, number: int) -> Path:
    """The file with that number."""
    return directory / f"audit-{number:06}.jsonl"


def lines_of(path: Path) -> Iterator[tuple[str, bool]]:
    """A file's lines without their ends, and whether each has one. What is longer than any entry comes in pieces."""
    with opened(path) as file:
        while raw := file.readline(_LONGEST_PIECE):
            ended = raw.endswith(b"\n")
            yield raw[: -1 if ended else None].decode("utf-8", errors="replace"), ended


def opened(path: Path) -> BinaryIO:
    """A regular file to read. Raises `OSError` for anything else: a pipe would hold up whoever opens it for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "this is no regular file; move it aside", str(path))
    return os.fdopen(descriptor, "rb")


def noted_heads(heads: Path) -> list[Head]:
    """Every head that was noted, oldest first; lines that are no note are left out. Raises `OSError`."""
    found: list[Head] = []
    for path in (old_heads(heads), heads):
        try:
            with opened(path) as file:
                text = file.read().decode("ascii", errors="replace")
        except FileNotFoundError:
            continue
        notes = (_NOTE.fullmatch(line) for line in text.split("\n"))
        found.extend(Head(int(note.group(1)), note.group(2)) for note in notes if note)
    return found


def old_heads(heads: Path) -> Path:
    """Where the notes go when their file has grown large."""
    return heads.with_name(f"{heads.name}.old")
