"""A backup of a state directory while its node works.

Each database is copied by SQLite's own backup in one read transaction: as of one moment, without holding up the node,
whose write-ahead log grows meanwhile. Other files are small and written whole (or only ever appended to); they are
copied first, so that nothing in them speaks of what the journal does not know yet.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.journal import open_to_read
from runtime.upkeep.archive import DamagedBackupError, Entry, hash_file, write_archive
from runtime.upkeep.contents import content_of, is_database

_PAGES_A_STEP: Final = 1_024


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written: the file, its length in bytes, how many files it holds, and what is kept elsewhere."""

    file: Path
    size: int
    files: int
    left_out: tuple[str, ...]


def back_up(state_dir: Path, target: Path, *, evopipe: str, left_out: tuple[str, ...] = ()) -> Backup:
    """Writes a backup of `state_dir` to `target`, which has all of it or is untouched.

    Needs room for the state twice beside `target` while it works. Raises `OSError`, `sqlite3.Error`, or
    `DamagedBackupError` when a database is damaged: a backup of damage is none.
    """
    entries: list[Entry] = []
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        staged = Path(name)
        databases: list[Path] = []
        for path in content_of(state_dir):
            with contextlib.suppress(FileNotFoundError):  # a run has removed it from the workspace meanwhile
                if is_database(path):
                    databases.append(path)
                else:
                    shutil.copyfile(path, _room_for(staged, state_dir, path))
        for path in databases:
            copy_database(path, _room_for(staged, state_dir, path))
        for copy in sorted(path for path in staged.rglob("*") if path.is_file()):
            entries.append(Entry(copy.relative_to(staged).as_posix(), *hash_file(copy)))
        facts = {"evopipe": evopipe, "at": time.time(), "left_out": list(left_out)}
        write_archive(target, staged, entries, facts)
    return Backup(target, target.stat().st_size, len(entries), left_out)


def _room_for(staged: Path, state_dir: Path, path: Path) -> Path:
    copy = staged / path.relative_to(state_dir)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return copy


def copy_database(source: Path, copy: Path) -> None:
    """Copies a database as of one moment and checks the copy. Raises as `back_up` does."""
    with contextlib.closing(open_to_read(source)) as read:
        read.execute("BEGIN")
        # The first read fixes the moment; without it the backup would begin anew at every commit of the node.
        read.execute("SELECT count(*) FROM sqlite_master").fetchone()
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as write:
            write.execute("PRAGMA synchronous = OFF")  # the archive made of it is synced as a whole
            read.backup(write, pages=_PAGES_A_STEP, sleep=0.0)
            write.execute("PRAGMA journal_mode = DELETE").fetchall()
            problems = [row[0] for row in write.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
    if problems:
        said = [f"{source.name}: {' '.join(str(each).split())}" for each in problems]
        raise DamagedBackupError(source, [*said, "`evopipe fsck` says more"])
