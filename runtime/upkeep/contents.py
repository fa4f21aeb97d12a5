"""What of a state directory is its content: everything but logs, locks and what SQLite keeps beside its databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DATABASE: Final = b"SQLite format 3\0"
_NOT_CONTENT: Final = ("-wal", "-shm", "-journal", ".lock", ".sock", ".tmp")
_NOT_ENTERED: Final = frozenset({"logs"})


def content_of(state_dir: Path) -> Iterator[Path]:
    """The regular files that make up the state, by name. Links are not followed, and what goes meanwhile is left out.
    Raises `OSError`."""
    for directory, inner, names in os.walk(state_dir, onerror=_raise):
        here = Path(directory)
        if here == state_dir:
            inner[:] = [name for name in inner if name not in _NOT_ENTERED]
        inner.sort()
        for name in sorted(names):
            path = here / name
            if not name.endswith(_NOT_CONTENT) and path.is_file() and not path.is_symlink():
                yield path


def is_database(path: Path) -> bool:
    """Whether it is an SQLite database (an empty file is none). Raises `OSError`."""
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
