"""What persons answered, read back from the runs' journal, for a ledger that has lost its own file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.journal import JournalError, ListRuns, LoadRun, RunRecord, RunSummary
from actors.kernel import ActorDeadError, CallTimeout, Kernel, MailboxFull
from pipelines.execution import ANSWERED, ASKED, decision_of, question_of
from pipelines.guardrails.trust import MOST_REFUSED, TrustRecord

MOST_RUNS = 2_000
_CALL_S = 30.0
_ANSWERED = f"/{ANSWERED}"


async def records_from_journal(kernel: Kernel, before: float) -> dict[str, TrustRecord]:
    """The answers given before that Unix time in the newest 2,000 runs, by pattern. Runs that retention has taken are
    not among them. As far as it came when the journal cannot be read."""
    found: list[tuple[float, str, bool]] = []
    journal = kernel.ref("journal")
    try:
        runs: tuple[RunSummary, ...] = await journal.call(ListRuns(MOST_RUNS), timeout_s=_CALL_S)
        for run in reversed(runs):
            record: RunRecord | None = await journal.call(LoadRun(run.run_id, whole=False), timeout_s=_CALL_S)
            if record is not None:
                found += answers_in({path: step.result for path, step in record.steps.items()})
    except (JournalError, ActorDeadError, CallTimeout, MailboxFull):
        pass
    records: dict[str, TrustRecord] = {}
    for at, pattern, approved in sorted(found, key=lambda each: each[0]):
        if at < before:
            records[pattern] = records.get(pattern, TrustRecord()).after(approved, at)
    return records


def answers_in(results: Mapping[str, Any]) -> list[tuple[float, str, bool]]:
    """Time, pattern and approval of each answer by a person that a run has on record. Pure."""
    found: list[tuple[float, str, bool]] = []
    for path, result in results.items():
        if not path.endswith(_ANSWERED):
            continue
        question, decision = question_of(results.get(f"{path.removesuffix(_ANSWERED)}/{ASKED}")), decision_of(result)
        if question is None or decision is None or not question.pattern:
            continue
        if decision.by is not None and not decision.automatic:
            found.append((decision.at, question.pattern, decision.approved))
    return found


def joined(former: TrustRecord, later: TrustRecord) -> TrustRecord:
    """One record of the answers of both, in this order. Pure."""
    streak = later.streak if later.rejections else former.streak + later.streak
    return TrustRecord(
        former.approvals + later.approvals,
        former.rejections + later.rejections,
        streak,
        max(former.last_at, later.last_at),
        max(former.since, later.since),
        (*former.refused_at, *later.refused_at)[-MOST_REFUSED:],
    )
