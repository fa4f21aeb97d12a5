"""Putting a backup into the place of a state directory, with no node at work there.

The backup is unpacked beside the state and checked whole; only then the directories change places (`exchange`). What
was there before is kept beside it. The audit log goes on; kill switches, and the ledger of what was spent with the
limits that persons set, stay as they are: what was decided since the backup stays decided, and what was spent since is
spent.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from actors.audit import AuditPlace, segments
from actors.killswitch import STATE_FILE, TRIGGER_DIRECTORY
from actors.treasury import FILE_NAME as LEDGER
from runtime.daemon import InstanceLock, restore_note
from runtime.settings import make_private
from runtime.upkeep.archive import Manifest, read_archive, sync_directory
from runtime.upkeep.backup import copy_database
from runtime.upkeep.contents import content_of
from runtime.upkeep.exchange import Exchange, Restored, carry_out, fingerprint, finish_restore
from runtime.upkeep.meanings import check_database


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


def restore(
    file: Path, state_dir: Path, socket_path: Path, *, force: bool, who: str, heads_file: Path | None = None
) -> Restored:
    """Puts the backup in `file` into the place of `state_dir`, and notes in the audit log that `who` did so.

    Until everything is verified nothing is changed; a kill after that is mended by `finish_restore`, which this does
    first where it is due. Raises `AlreadyRunningError` (a node is at work), `StateInTheWayError`, `DamagedBackupError`,
    `DaemonError` or `OSError`.
    """
    finish_restore(state_dir)
    make_private(state_dir)
    with ExitStack() as held:
        held.enter_context(InstanceLock.for_socket(socket_path))
        held.enter_context(InstanceLock(state_dir / "node.lock", state_dir))
        there = sum(1 for _ in content_of(state_dir))
        if there and not force:
            raise StateInTheWayError(state_dir, there)
        with _staging(state_dir) as staging:
            manifest = read_archive(file, staging)
            _carry_over(AuditPlace.of(state_dir), AuditPlace.of(staging))
            if there:
                _keep_switches(state_dir, staging)
                _keep_ledger(state_dir / LEDGER, staging / LEDGER)
            _sync(staging)
            # A node that finds the new state in its place must find it locked, too.
            held.enter_context(InstanceLock(staging / "node.lock", state_dir))
            ordered = _ordered(file, state_dir, staging, manifest, kept=there > 0, who=who, heads_file=heads_file)
            return carry_out(state_dir, ordered)


def _keep_switches(state_dir: Path, staging: Path) -> None:
    """One that was triggered since the backup must not be armed by putting the backup in place."""
    shutil.rmtree(staging / TRIGGER_DIRECTORY, ignore_errors=True)
    if (state_dir / TRIGGER_DIRECTORY).is_dir():
        shutil.copytree(state_dir / TRIGGER_DIRECTORY, staging / TRIGGER_DIRECTORY)
    if (state_dir / STATE_FILE).exists():
        shutil.copy(state_dir / STATE_FILE, staging)


def _keep_ledger(now: Path, staged: Path) -> None:
    """One that is damaged, or that a newer evopipe wrote, gives way to the backup's."""
    if not now.exists() or now.stat().st_size == 0 or any(check_database(now)):
        return
    staged.unlink(missing_ok=True)
    copy_database(now, staged)


def _ordered(
    file: Path, state_dir: Path, staging: Path, manifest: Manifest, *, kept: bool, who: str, heads_file: Path | None
) -> Exchange:
    return Exchange(
        staging=staging.name,
        aside=_free_name(state_dir).name,
        inode=staging.stat().st_ino,
        kept=kept,
        backup=str(file.absolute()),
        fingerprint=fingerprint(file),
        backup_at=manifest.at,
        files=len(manifest.files),
        left_out=tuple(manifest.left_out),
        who=who,
        asked_at=time.time(),
        heads_file=None if heads_file is None else str(heads_file),
    )


@contextmanager
def _staging(state_dir: Path) -> Generator[Path]:
    """A directory beside the state, which is gone afterwards unless it is in its place or a note says that it is to
    be put there. What a former one that was killed has left goes first."""
    for former in left_over(state_dir):
        shutil.rmtree(former, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=_prefix(state_dir), dir=state_dir.parent))
    try:
        yield staging
    finally:
        if not restore_note(state_dir).exists():
            shutil.rmtree(staging, ignore_errors=True)


def left_over(state_dir: Path) -> list[Path]:
    """What restores that were killed while they unpacked have left beside it. Raises `OSError`."""
    return [path for path in state_dir.parent.iterdir() if path.name.startswith(_prefix(state_dir))]


def _prefix(state_dir: Path) -> str:
    return f".{state_dir.name}.restoring-"


def _sync(staging: Path) -> None:
    """A power cut after the exchange must not find the new state in part."""
    for directory, _, names in os.walk(staging):
        for name in names:
            descriptor = os.open(Path(directory) / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(directory))


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


def _free_name(state_dir: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1_000):
        place = state_dir.with_name(f"{state_dir.name}.before-restore-{stamp}" + (f"-{number}" if number else ""))
        if not place.exists():
            return place
    raise FileExistsError(f"too many former states beside {state_dir}; delete some")
