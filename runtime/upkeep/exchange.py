"""How a restored state and the one that is there change places, so that a kill at any moment loses neither.

Two names cannot be exchanged at once everywhere, so it is written down beforehand, in a note beside the directories:
what goes where, and for whose order. The note goes as the last of it. Where one is found, at the next `restore` or at
a node's start, what it says is finished, or taken back when nothing was moved yet (`finish_restore`).
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.audit import AuditError, AuditPlace, decisions, last_entries, note_offline
from actors.disk import StateFileError, read_whole, replace_whole
from runtime.daemon import EXIT_STATE_UNUSABLE, AlreadyRunningError, DaemonError, InstanceLock, restore_note
from runtime.upkeep.archive import sync_directory
from runtime.upkeep.contents import content_of

_MOST_NOTE: Final = 1 << 20
_NAME: Final = r"^[^/\x00]{1,255}$"
_LOOK_BACK: Final = 1_000
_SAME_S: Final = 0.001


class Exchange(BaseModel):
    """The note. `staging` and `aside` are names beside the state directory; `inode` is that of the staging directory,
    by which it is known once it has its place. `kept`: what was there had content. Times are Unix seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    staging: str = Field(pattern=_NAME)
    aside: str = Field(pattern=_NAME)
    inode: int
    kept: bool
    backup: str
    fingerprint: tuple[int, int]
    backup_at: float
    files: int
    left_out: tuple[str, ...] = ()
    who: str
    asked_at: float
    heads_file: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put into place: how many files, of a backup of that Unix time, which kept these things elsewhere; where
    the former state is now (None: there was none); why it is not in the audit log (None: it is)."""

    files: int
    at: float
    left_out: tuple[str, ...]
    moved_to: Path | None
    unaudited: str | None


@dataclass(frozen=True, slots=True)
class CutOff:
    """A restore that was cut off, and what has become of it: `restored`, or None when it was taken back. `told` says
    so in a sentence."""

    exchange: Exchange
    restored: Restored | None
    told: str

    def is_of(self, backup: Path) -> bool:
        """Whether it was this very file that was being restored."""
        return self.exchange.backup == str(backup.absolute()) and self.exchange.fingerprint == fingerprint(backup)


def fingerprint(backup: Path) -> tuple[int, int]:
    """By which a file is known again: its length, and when it was written, in nanoseconds. Raises `OSError`."""
    found = backup.stat()
    return found.st_size, found.st_mtime_ns


def carry_out(state_dir: Path, exchange: Exchange) -> Restored:
    """Moves `state_dir` aside and the staging directory into its place, and notes it in the audit log.

    For whoever holds the locks of both. Raises `OSError`, or `DaemonError` when another restore is at it; then
    everything is where it was. After a kill `finish_restore` knows what to do.
    """
    note = restore_note(state_dir)
    staging, aside = state_dir.with_name(exchange.staging), state_dir.with_name(exchange.aside)
    with _alone(state_dir):
        replace_whole(note, exchange.model_dump_json(indent=1).encode())
        try:
            state_dir.rename(aside)
        except OSError:
            note.unlink()
            raise
        try:
            staging.rename(state_dir)
        except OSError:
            aside.rename(state_dir)  # where that fails, too, the note stays and the next start mends it
            note.unlink()
            raise
        return _settle(state_dir, exchange)


def finish_restore(state_dir: Path) -> CutOff | None:
    """Finishes, or takes back, a restore of `state_dir` that was cut off; None when there is none.

    Raises `DaemonError`: one is at work, or it takes a person; the text says what to do. Then nothing was changed.
    """
    note = restore_note(state_dir)
    if not note.exists():
        return None
    try:
        with _alone(state_dir):
            return _finish(state_dir, note) if note.exists() else None
    except OSError as error:
        raise DaemonError(
            f"a restore of {state_dir} was cut off and cannot be finished ({error}). Correct that and try again; "
            f"{note} says what is where.",
            EXIT_STATE_UNUSABLE,
        ) from error


def _finish(state_dir: Path, note: Path) -> CutOff:
    exchange = _read(note)
    staging, aside = state_dir.with_name(exchange.staging), state_dir.with_name(exchange.aside)
    backup = Path(exchange.backup).name
    if state_dir.exists() and state_dir.stat().st_ino == exchange.inode:
        return _finished(state_dir, exchange)
    if not staging.exists():
        if not state_dir.exists() and aside.exists():
            aside.rename(state_dir)
        return _taken_back(note, exchange, f"of {backup} was cut off, and what it had unpacked is gone: the state is")
    if state_dir.exists() and not aside.exists():
        shutil.rmtree(staging)
        return _taken_back(note, exchange, f"of {backup} was cut off before it changed anything: the state is")
    if state_dir.exists():
        _clear_the_way(state_dir, staging, aside)
    staging.rename(state_dir)
    return _finished(state_dir, exchange)


def _clear_the_way(state_dir: Path, staging: Path, aside: Path) -> None:
    """Somebody made the directory anew while there was none. Kill switches triggered by file are kept to; whatever
    else has begun there is for a person to judge."""
    content = list(content_of(state_dir))
    triggers = state_dir / "kill"
    if any(path.parent != triggers for path in content):
        raise DaemonError(
            f"a restore of {state_dir} was cut off, and something has begun anew there since ({len(content)} files). "
            f"The restored state waits in {staging}, the former one is in {aside}. Fix: `mv {state_dir} "
            f"{state_dir}.begun-anew` keeps what has begun and lets the next start finish the restore.",
            EXIT_STATE_UNUSABLE,
        )
    for path in content:
        (staging / "kill").mkdir(mode=0o700, exist_ok=True)
        path.rename(staging / "kill" / path.name)
    shutil.rmtree(state_dir)


def _finished(state_dir: Path, exchange: Exchange) -> CutOff:
    restored = _settle(state_dir, exchange)
    former = "" if restored.moved_to is None else f"; the former state is in {restored.moved_to}"
    backup = Path(exchange.backup).name
    return CutOff(
        exchange, restored, f"a restore of {backup} was cut off and is finished now: {state_dir} holds it{former}"
    )


def _taken_back(note: Path, exchange: Exchange, told: str) -> CutOff:
    sync_directory(note.parent)
    note.unlink(missing_ok=True)
    return CutOff(exchange, None, f"a restore {told} as it was before; restore again")


def _settle(state_dir: Path, exchange: Exchange) -> Restored:
    """What is to do once the state has its place; done twice it does no harm."""
    sync_directory(state_dir.parent)
    unaudited = _audit(state_dir, exchange)
    aside = state_dir.with_name(exchange.aside)
    if not exchange.kept:
        shutil.rmtree(aside, ignore_errors=True)
    restore_note(state_dir).unlink(missing_ok=True)
    moved_to = aside if exchange.kept else None
    return Restored(exchange.files, exchange.backup_at, exchange.left_out, moved_to, unaudited)


def _audit(state_dir: Path, exchange: Exchange) -> str | None:
    place = AuditPlace.of(state_dir)
    made = decisions.journal_restored(
        exchange.asked_at,
        exchange.who,
        Path(exchange.backup).name,
        backup_at=exchange.backup_at,
        files=exchange.files,
        forced=exchange.kept,
    )
    heads = place.heads if exchange.heads_file is None else Path(exchange.heads_file)
    try:
        noted = last_entries(place.directory, _LOOK_BACK)
        if not any(each.action == made.action and abs(each.at - made.at) < _SAME_S for each in noted):
            note_offline(AuditPlace(place.directory, heads), made)
    except (AuditError, OSError) as error:
        return str(error)
    return None


def _read(note: Path) -> Exchange:
    try:
        return Exchange.model_validate_json(read_whole(note, _MOST_NOTE) or b"")
    except (ValidationError, StateFileError) as error:
        raise DaemonError(
            f"a restore was cut off, and {note}, which says what is where, cannot be read. Beside it are the former "
            "state (.before-restore-...) and the restored one (.restoring-...). Fix: give one of them the name of the "
            "state directory, then delete the note.",
            EXIT_STATE_UNUSABLE,
        ) from error


@contextlib.contextmanager
def _alone(state_dir: Path) -> Generator[None]:
    """The directories change places; a lock inside of one of them would go with it."""
    try:
        with InstanceLock(state_dir.with_name(f".{state_dir.name}.restore.lock"), state_dir):
            yield
    except AlreadyRunningError as error:
        who = "" if error.pid is None else f" (pid {error.pid})"
        raise DaemonError(f"a restore{who} of {state_dir} is under way; wait for its end.", error.exit_code) from None
