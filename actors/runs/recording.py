"""Writing to the journal from a run: again and again while it cannot write, but not for ever."""

from __future__ import annotations

from typing import Any

from actors.journal import (
    CloseRun,
    EndRun,
    FindRun,
    JournalBusyError,
    JournalError,
    JournalUnavailableError,
    ListRuns,
    LoadRun,
    OpenRun,
    RecordStep,
    ReopenRun,
    UnfinishedRuns,
)
from actors.kernel import ActorDeadError, CallTimeout, Kernel, MailboxFull
from actors.runs.closing import RunClosing
from actors.runs.values import RunOutcome

_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 2.0
_CALL_TIMEOUT_S = 40.0

Entry = OpenRun | ReopenRun | RecordStep | CloseRun | EndRun | LoadRun | UnfinishedRuns | ListRuns | FindRun


async def journal(kernel: Kernel, entry: Entry, patience_s: float) -> Any:
    """The journal's reply once `entry` is durable. Repeats it while the journal restarts, is busy or cannot write.

    After `patience_s` it raises the last refusal: `JournalError`, or `JournalUnavailableError` when nobody answered.
    Repeating is safe, since of two records for the same thing the first one stands.
    """
    deadline = kernel.clock.now() + patience_s
    wait_s = _FIRST_WAIT_S
    while True:
        try:
            return await kernel.ref("journal").call(entry, timeout_s=_CALL_TIMEOUT_S)
        except (JournalUnavailableError, JournalBusyError) as error:
            refusal: JournalError = error
        except (ActorDeadError, CallTimeout, MailboxFull) as error:
            refusal = JournalUnavailableError(f"the journal does not answer ({error})", fix="see the node's log")
        if kernel.clock.now() + wait_s > deadline:
            raise refusal
        await kernel.clock.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


async def record_end(
    kernel: Kernel, closing: RunClosing, outcome: RunOutcome, patience_s: float, *, first: bool = True
) -> RunOutcome:
    """Closes the run in the journal; gives the outcome that stands there, or says that it could not be recorded. Not
    the `first`: another end may stand already, with the same status."""
    try:
        stands = await journal(kernel, closing.entry(outcome), patience_s)
    except JournalError as lost:
        return closing.unrecorded(outcome, lost)
    if first and stands == outcome.status:
        return outcome
    return closing.of_record(await journal(kernel, LoadRun(outcome.run_id), patience_s))
