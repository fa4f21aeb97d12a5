"""Moving the journal from the state directory into a database, with no node at work."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import time

from actors.audit import AuditError, AuditPlace, decisions, note_offline
from actors.journal import Copied, copy_journal
from runtime.daemon import InstanceLock


def move_journal(
    journal: Path, url: str, shown_url: str, socket_path: Path, *, who: str, heads_file: Path | None = None
) -> tuple[Copied, str | None]:
    """Copies the SQLite journal into the empty database at `url` and notes in the audit log that `who` did; the second
    value says why it is not there. The file stays as it is.

    Raises `AlreadyRunningError` when a node is at work, `JournalError` when nothing was copied.
    """
    state_dir = journal.parent
    with ExitStack() as held:
        held.enter_context(InstanceLock.for_socket(socket_path))
        held.enter_context(InstanceLock(state_dir / "node.lock", state_dir))
        copied = copy_journal(journal, url)
        audit = AuditPlace.of(state_dir)
        made = decisions.journal_copied(time(), who, shown_url, runs=copied.runs, steps=copied.steps)
        try:
            note_offline(AuditPlace(audit.directory, heads_file or audit.heads), made)
        except AuditError as error:
            return copied, str(error)
        return copied, None
