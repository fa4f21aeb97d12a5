"""Verifies a whole state directory, with or without a node at work on it. Reads only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from actors.audit import AuditPlace
from actors.journal import Finding, RunRecord, check_file
from actors.library import DIRECTORY
from actors.runs import RunRequest, request_of
from runtime.daemon import restore_note
from runtime.upkeep import meanings
from runtime.upkeep.contents import content_of, is_database
from runtime.upkeep.meanings import RESTORE
from runtime.upkeep.restore import left_over

JOURNAL: Final = "journal.sqlite3"
_MOST_JSON: Final = 64 << 20


def check_state(
    state_dir: Path, *, journal_elsewhere: bool = False, heads_file: Path | None = None, workspace: Path | None = None
) -> Iterator[Finding]:
    """Everything that is wrong in `state_dir`. `journal_elsewhere`: its journal is in another database; `heads_file`:
    where the audit log's heads are noted, if not there; `workspace`: where runs leave files of their own."""
    yield from _cut_off(state_dir)
    if not state_dir.is_dir():
        yield Finding(
            "error", str(state_dir), "there is no such state directory", "set EVOPIPE_STATE_DIR, or start a node"
        )
        return
    foreign = (state_dir / "evolution", *(() if workspace is None else (workspace,)))
    yield from _modes(state_dir, foreign)
    try:
        files = list(content_of(state_dir))
    except OSError as error:
        yield Finding(
            "error",
            str(error.filename or state_dir),
            f"it cannot be read ({error.strerror})",
            "check its owner and mode",
        )
        return
    journal = state_dir / JOURNAL
    if journal not in files and not journal_elsewhere:
        yield Finding("warning", str(journal), "there is no journal", "nothing was ever recorded, or restore a backup")
    for path in files:
        try:
            if path.suffix == ".sqlite3" and path.stat().st_size == 0:
                problem = "it is empty: what was in it is gone, unless nothing ever was"
                yield Finding("warning", str(path), problem, RESTORE)
            elif path == journal and not journal_elsewhere:
                yield from check_file(path, why_it_cannot_go_on)
            elif any(path.is_relative_to(each) for each in foreign):
                continue
            elif path.name in meanings.DATABASES or is_database(path):
                yield from meanings.check_database(path)
            elif path.parent == state_dir and path.name in meanings.STATES:
                yield from meanings.check_state_file(path)
            elif path.parent == state_dir and path.suffix == ".json":
                yield from _json(path)
        except OSError as error:
            yield _unreadable(path, error)
    yield from _each_part(state_dir, heads_file)


def _cut_off(state_dir: Path) -> Iterator[Finding]:
    """What a restore has left that did not come to its end."""
    note = restore_note(state_dir)
    if note.exists():
        fix = "`evopipe up` or the same `evopipe restore` finishes it, or says what to do"
        yield Finding("error", str(note), f"a restore of {state_dir} was cut off, or is under way", fix)
    elif state_dir.parent.is_dir():
        for path in left_over(state_dir):
            yield Finding("warning", str(path), "a restore was cut off while it unpacked", "delete it")


def _each_part(state_dir: Path, heads_file: Path | None) -> Iterator[Finding]:
    """What lies in directories of its own."""
    audit = AuditPlace.of(state_dir)
    if heads_file is not None:
        audit = AuditPlace(audit.directory, heads_file)
    parts = (
        (audit.directory, lambda: meanings.check_audit(audit)),
        (state_dir / DIRECTORY, lambda: meanings.check_library(state_dir / DIRECTORY)),
        (state_dir / "evolution", lambda: meanings.check_evolutions(state_dir / "evolution")),
    )
    for path, check in parts:
        try:
            yield from check()
        except OSError as error:
            yield _unreadable(path, error)


def why_it_cannot_go_on(record: RunRecord) -> str | None:
    """Why the node could not resume this unfinished run; None when it could."""
    known = request_of(record)
    return None if isinstance(known, RunRequest) else f"{known['code']}: {known['message']}"


def _unreadable(path: Path, error: OSError) -> Finding:
    return Finding("error", str(path), f"it cannot be read ({error.strerror or error})", "check its owner and mode")


def _modes(state_dir: Path, foreign: Collection[Path]) -> Iterator[Finding]:
    for directory, inner, names in os.walk(state_dir):
        inner[:] = [name for name in inner if Path(directory) / name not in foreign]
        for path in (Path(directory), *(Path(directory) / name for name in names)):
            try:
                found = path.lstat()
            except OSError:
                continue  # gone meanwhile: a node at work makes and removes files
            if stat.S_ISLNK(found.st_mode) or stat.S_ISSOCK(found.st_mode):
                continue
            if found.st_uid != os.getuid():
                problem = f"it belongs to user {found.st_uid}, not to user {os.getuid()}"
                yield Finding("error", str(path), problem, "run the node and this command as its owner, or chown it")
            if stat.S_IMODE(found.st_mode) & 0o077:
                problem = f"other users may use it (mode {stat.S_IMODE(found.st_mode):04o})"
                mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
                yield Finding("error", str(path), problem, f"chmod {mode} {path}")


def _json(path: Path) -> Iterator[Finding]:
    if path.stat().st_size > _MOST_JSON:
        yield Finding(
            "warning", str(path), f"it has more than {_MOST_JSON} bytes and was not read", "look at it yourself"
        )
        return
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        yield Finding("error", str(path), f"it is not JSON ({error})", RESTORE)
