"""What the journal answers when it cannot keep a record.

    JournalError                 a stable `code`, the `path`, the `reason` and the `fix`
    ├── JournalUnavailableError  the store cannot be used now: disk full, read-only, corrupt, locked
    ├── JournalSchemaError       the file was written by a newer version
    ├── JournalBusyError         too many records wait for a commit already
    ├── UnknownRunError          a step or an end for a run that was never opened
    ├── NotJsonError             a value that JSON cannot carry
    ├── ResultLostError          a large value that was kept cannot be read back
    ├── RunChangedError          a run is not any more what was to be taken over of it
    └── IdempotencyConflictError one idempotency key, two different requests

A record whose write ended in one of these is not recorded and was never acknowledged.
"""

from __future__ import annotations


class JournalError(Exception):
    """The base. `str()` reads "<path>: <reason>. Fix: <fix>"; `code` is stable and may cross a socket."""

    code = "journal"

    def __init__(self, reason: str, *, path: str = "", fix: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        advice = f" Fix: {self.fix}" if self.fix else ""
        return f"{place}{self.reason.rstrip('.')}.{advice}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (type(self), self.reason, self.path, self.fix))


class JournalUnavailableError(JournalError):
    """The store cannot be used now; the same write may succeed once the fix is applied."""

    code = "journal_unavailable"


class JournalSchemaError(JournalError):
    """The file's schema is newer than this version of evopipe can read."""

    code = "journal_schema"


class JournalBusyError(JournalError):
    """The queue of uncommitted records is full; ask again shortly."""

    code = "journal_busy"


class UnknownRunError(JournalError):
    """The run was never opened in this journal."""

    code = "unknown_run"


class NotJsonError(JournalError):
    """The value holds something that JSON has no form for (an object, NaN, a non-text key)."""

    code = "not_json"


class ResultLostError(JournalError):
    """A large value is missing from the journal, or does not hold what was written. The rest of it is usable."""

    code = "result_lost"


class RunChangedError(JournalError):
    """A run does not have any more what was decided about; look at it and decide again."""

    code = "run_changed"


class IdempotencyConflictError(JournalError):
    """The idempotency key belongs to a run with another definition or other inputs."""

    code = "idempotency_conflict"


def unknown_run(run_id: str) -> UnknownRunError:
    """The refusal of a record for a run that this journal does not know."""
    return UnknownRunError(f"no run {run_id!r} was opened in this journal")


def lost(what: str, sha256: str, size_bytes: int, why: str) -> ResultLostError:
    """The refusal to give a large value that is not what it was; `what` names it."""
    return ResultLostError(
        f"{what} ({size_bytes} bytes, sha256 {sha256[:12]}) {why}",
        fix="restore the journal from a backup, or submit the run again",
    )


def damaged(what: str, sha256: str, size_bytes: int) -> ResultLostError:
    """The refusal of a large value whose hash is not its own any more."""
    return lost(what, sha256, size_bytes, "does not hold what was written")


def changed_meanwhile(run_id: str) -> RunChangedError:
    """The refusal to act on a run that is not any more what it was a moment ago."""
    return RunChangedError(
        f"run {run_id!r} has changed meanwhile", fix="look at it with `evopipe history` and ask again"
    )


def conflict(key: str | None, run_id: str) -> IdempotencyConflictError:
    """The refusal of a second, different request under one idempotency key."""
    return IdempotencyConflictError(
        f"idempotency key {key!r} belongs to run {run_id!r}, which has another definition or other inputs",
        fix="use a new key for a new request, or repeat the first request unchanged",
    )


def _rebuilt(cls: type[JournalError], reason: str, path: str, fix: str) -> JournalError:
    return cls(reason, path=path, fix=fix)
