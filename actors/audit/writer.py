"""The audit log's one thread: opens the files and appends batches to them, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from actors.audit.errors import AuditError
from actors.audit.files import AuditFiles, Found
from actors.audit.segments import AuditPlace
from actors.kernel import BlockingActor
from pipelines.guardrails.audit_chain import Decision


@dataclass(frozen=True, slots=True)
class OpenLog:
    """Opens the files; replies `Found`."""


@dataclass(frozen=True, slots=True)
class Append:
    """Appends these; replies `Found` with the new head. Fails as a whole."""

    decisions: tuple[Decision, ...]


class AuditWriter(BlockingActor):
    """Linked to its AuditLog: when either crashes both end, and the log's supervisor starts both again."""

    expected_errors = (AuditError,)

    def __init__(self, place: AuditPlace, segment_bytes: int) -> None:
        super().__init__()
        self._files = AuditFiles(place, segment_bytes)

    def on_receive(self, message: OpenLog | Append) -> tuple[Found, str]:
        """Each reply comes with the problem of the notes of the heads, "" for none."""
        match message:
            case OpenLog():
                found = self._files.open()
            case Append(decisions):
                found = self._files.append(decisions)
            case _:
                assert_never(message)
        return found, self._files.heads_problem

    def on_stop(self) -> None:
        self._files.close()

    def on_release(self) -> None:
        """After a kill: the next writer waits until this one has let go."""
        self._files.close()
