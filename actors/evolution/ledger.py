"""The ledger of one evolution: JSON lines, appended a generation at a time, synced before the next begins.

It holds no times and no durations: the same order and the same answers give the same bytes. Blocking code. What a
killed chamber has still to write is not written any more once its ledger was recovered (see `Turn`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from actors.disk import Turn, replace_whole
from actors.evolution.errors import LedgerError

LEDGER_FILE: Final = "ledger.jsonl"
BEST_FILE: Final = "best.yaml"
Line = Mapping[str, Any]

# What a line of these kinds stands for is complete; anything after the last of them is a torn write.
_COMMITS: Final = frozenset({"opened", "generation", "ended"})


def append(path: Path, lines: Iterable[Line], turn: Turn | None = None) -> None:
    """Appends and syncs; raises `LedgerError` when the disk refuses."""
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (turn or Turn(path)).taken():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise LedgerError(f"{path}: {error}") from error


def read(path: Path) -> list[dict[str, Any]]:
    """The committed lines; none when there is no file. Raises `LedgerError` for damage other than a torn end."""
    return _committed(path)[0]


def recover(path: Path, turn: Turn | None = None) -> list[dict[str, Any]]:
    """`read`, and cuts off a torn end, so that the next append follows a committed line."""
    try:
        with (turn or Turn(path)).taken():
            lines, length = _committed(path)
            if length < path.stat().st_size:
                os.truncate(path, length)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"{path}: {error}") from error
    return lines


def has_ended(lines: Sequence[Line]) -> bool:
    """Whether these lines tell an evolution's end."""
    return any(line["kind"] == "ended" for line in lines)


def write_best(directory: Path, text: str, turn: Turn | None = None) -> None:
    """Replaces `best.yaml` as one step; raises `LedgerError`."""
    try:
        replace_whole(directory / BEST_FILE, text.encode("utf-8"), turn)
    except OSError as error:
        raise LedgerError(f"{directory / BEST_FILE}: {error}") from error


def _committed(path: Path) -> tuple[list[dict[str, Any]], int]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    except OSError as error:
        raise LedgerError(f"{path}: {error}") from error
    lines: list[dict[str, Any]] = []
    good, good_length, position = 0, 0, 0
    pieces = raw.split(b"\n")
    for number, piece in enumerate(pieces[:-1], start=1):
        position += len(piece) + 1
        try:
            line = json.loads(piece)
            kind = line["kind"]
        except (ValueError, KeyError, TypeError) as error:
            if number == len(pieces) - 1:
                break
            raise LedgerError(f"{path}: line {number} is not a ledger line") from error
        lines.append(line)
        if kind in _COMMITS:
            good, good_length = len(lines), position
    return lines[:good], good_length
