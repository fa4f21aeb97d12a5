"""A file of state that is read whole and replaced whole. Blocking code; every function may raise `OSError`."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from pathlib import Path

# A write that a killed actor left behind on its thread must not share its temporary file with the next life's.
_writes = itertools.count(1)


class StateFileError(Exception):
    """The file is not what a file of state is; says why."""


def read_whole(path: Path, most_bytes: int) -> bytes | None:
    """What the file holds; None when there is none. Raises `StateFileError` for anything but a regular file, and for
    one that is larger than `most_bytes`."""
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


def replace_whole(path: Path, content: bytes) -> None:
    """Writes the file for its owner only, as one step: after a crash or a power cut it holds the old or the new."""
    temporary = path.with_name(f".{path.name}.{next(_writes)}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
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


def move_aside(path: Path) -> Path:
    """Keeps a file that cannot be understood, under the first free `.unreadable` name; returns the path it has now."""
    aside, number = path.with_name(f"{path.name}.unreadable"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.unreadable.{number}")
    path.replace(aside)
    return aside
