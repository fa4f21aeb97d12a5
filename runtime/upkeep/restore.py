"""Putting a backup into the place of a state directory, with no node at work there.

The backup is unpacked beside the state and checked whole; only then the directories change places, by renaming. What
was there before is kept beside it. The audit log alone goes on: what was decided since the backup stays decided.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from actors.audit import AuditError, AuditPlace, decisions, note_offline, segments
from runtime.daemon import InstanceLock
from runtime.settings import make_private
from runtime.upkeep.archive import Manifest, read_archive, sync_directory
from runtime.upkeep.contents import content_of


class StateInTheWayError(Exception):
    """There is a state already, and nobody said that it may go."""

    def __init__(self, state_dir: Path, files: int) -> None:
        super().__init__(state_dir, files)
        self.state_dir = state_dir
        self.files = files

    def __str__(self) -> str:
        return (
            f"{self.state_dir} holds a state already ({self.files} files); --force puts the backup in its place and "
            "moves it aside, or name another place with EVOPIPE_STATE_DIR"
        )


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put into place, where the former state is now (None: there was none), and why that is not in the audit
    log (None: it is)."""

    manifest: Manifest
    files: int
    moved_to: Path | None
    unaudited: str | None


def restore(
    file: Path, state_dir: Path, socket_path: Path, *, force: bool, who: str, heads_file: Path | None = None
) -> Restored:
    """Puts the backup in `file` into the place of `state_dir`, and notes in the audit log that `who` did so.

    Until everything is verified nothing is changed. Raises `AlreadyRunningError` (a node is at work),
    `StateInTheWayError`, `DamagedBackupError`, `DaemonError` or `OSError`.
    """
    make_private(state_dir)
    with ExitStack() as held:
        held.enter_context(InstanceLock.for_socket(socket_path))
        held.enter_context(InstanceLock(state_dir / "node.lock", state_dir))
        there = sum(1 for _ in content_of(state_dir))
        if there and not force:
            raise StateInTheWayError(state_dir, there)
        staging = Path(tempfile.mkdtemp(prefix=f".{state_dir.name}.restoring-", dir=state_dir.parent))
        try:
            manifest = read_archive(file, staging)
            _carry_over(AuditPlace.of(state_dir), AuditPlace.of(staging))
            aside = _free_name(state_dir)
            state_dir.rename(aside)
            try:
                staging.rename(state_dir)
            except OSError:
                aside.rename(state_dir)
                raise
            sync_directory(state_dir.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        unaudited = _note(state_dir, heads_file, who, file, manifest, forced=there > 0)
    if not there:
        shutil.rmtree(aside, ignore_errors=True)
    return Restored(manifest, len(manifest.files), aside if there else None, unaudited)


def _carry_over(now: AuditPlace, staged: AuditPlace) -> None:
    """The log that is there takes the place of the one in the backup: an older one would lack its latest entries."""
    if not segments(now.directory):
        return
    shutil.rmtree(staged.directory, ignore_errors=True)
    staged.directory.mkdir(mode=0o700)
    for segment in segments(now.directory):
        shutil.copy(segment, staged.directory)
    for heads in (now.heads, now.heads.with_name(f"{now.heads.name}.old")):
        (staged.heads.parent / heads.name).unlink(missing_ok=True)
        if heads.exists():
            shutil.copy(heads, staged.heads.parent)


def _note(
    state_dir: Path, heads_file: Path | None, who: str, file: Path, manifest: Manifest, *, forced: bool
) -> str | None:
    place = AuditPlace.of(state_dir)
    made = decisions.journal_restored(
        time.time(), who, file.name, backup_at=manifest.at, files=len(manifest.files), forced=forced
    )
    try:
        note_offline(AuditPlace(place.directory, heads_file or place.heads), made)
    except AuditError as error:
        return str(error)
    return None


def _free_name(state_dir: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1_000):
        place = state_dir.with_name(f"{state_dir.name}.before-restore-{stamp}" + (f"-{number}" if number else ""))
        if not place.exists():
            return place
    raise FileExistsError(f"too many former states beside {state_dir}; delete some")
