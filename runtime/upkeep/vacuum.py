"""Giving room back to the disk without a node."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import time

from actors.audit import AuditError, AuditPlace, decisions, note_offline
from actors.journal import JournalPlace, Vacuum, Vacuumed
from runtime.daemon import InstanceLock


def vacuum_file(
    place: JournalPlace, state_dir: Path, socket_path: Path, *, who: str, heads_file: Path | None = None
) -> tuple[Vacuumed, str | None]:
    """Vacuums the journal and notes in the audit log that `who` did; the second value says why it is not there.

    Raises `AlreadyRunningError` when a node is at work, `JournalError` when it cannot.
    """
    with ExitStack() as held:
        held.enter_context(InstanceLock.for_socket(socket_path))
        held.enter_context(InstanceLock(state_dir / "node.lock", state_dir))
        store = place.open()
        try:
            done: Vacuumed = store.operate(Vacuum(), time())
        finally:
            store.close()
        audit = AuditPlace.of(state_dir)
        made = decisions.journal_vacuumed(time(), who, before=done.before, after=done.after)
        try:
            note_offline(AuditPlace(audit.directory, heads_file or audit.heads), made)
        except AuditError as error:
            return done, str(error)
        return done, None
