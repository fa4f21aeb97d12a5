"""A file of state that is read whole and replaced whole. Blocking code; every function may raise `OSError`.

What an actor does with its file on a thread takes a `Turn`: `SupersededError`, which nobody is left to hear, when its
next life was at the file first. Without one the turn is made by the call.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

from actors.disk.turn import Turn

# A write that a killed actor left behind on its thread must not share its temporary file with the next life's.
_writes = itertools.count(1)


class StateFileError(Exception):
    """The file is not what a file of state is; says why."""


def read_whole(path: Path, most_bytes: int, turn: Turn | None = None) -> bytes | None:
    """What the file holds; None when there is none. Raises `StateFileError` for anything but a regular file, and for
    one that is larger than `most_bytes`. With a `turn` the file stays so until somebody with a later one changes it."""
    if turn is None:
        return _content(path, most_bytes)
    with turn.taken():  # others hold it for a rename: what holds that up would hold up the reading, too
        return _content(path, most_bytes)


def _content(path: Path, most_bytes: int) -> bytes | None:
    try:
        # Without waiting: a pipe in its place would hold up the start for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StateFileError("not a regular file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise StateFileError(f"larger than {most_bytes} bytes")
    return content


def replace_whole(path: Path, content: bytes, turn: Turn | None = None, *, keep_former: bool = False) -> None:
    """Writes the file for its owner only, as one step: after a crash or a power cut it holds the old or the new.

    With `keep_former` what it held before is kept as by `move_aside`.
    """
    turn = turn or Turn(path)
    temporary = path.with_name(f".{path.name}.{next(_writes)}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with turn.taken():
            if keep_former:
                _keep(path)
            temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_aside(path: Path, turn: Turn | None = None) -> Path:
    """Keeps a file that cannot be understood, under the first free `.unreadable` name; returns the path it has now."""
    with (turn or Turn(path)).taken():
        aside = _free_name(path)
        path.replace(aside)
    return aside


def _keep(path: Path) -> None:
    try:
        _free_name(path).hardlink_to(path)  # and not a rename: a crash now must not leave a state that looks like none
    except FileNotFoundError:
        pass
    except OSError:  # a directory, or a file system without links
        path.replace(_free_name(path))


def _free_name(path: Path) -> Path:
    aside, number = path.with_name(f"{path.name}.unreadable"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.unreadable.{number}")
    return aside
