"""Rejections that the ledger has not heard of, or could not write down before its node was killed.

The journal has them: an answer counts once it is there. So before trust answers for a pattern the first time in a
ledger's life, what the journal knows of that pattern is compared with what the ledger does.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.journal import ListRuns, LoadRun, RunRecord, RunSummary
from actors.kernel import Kernel
from actors.trust.rebuilding import MOST_RUNS, answers_in
from pipelines.guardrails.trust import TrustRecord, target_of

_CALL_S = 30.0


async def unheard_rejections(kernel: Kernel, records: Mapping[str, TrustRecord]) -> dict[str, list[float]]:
    """The times of rejections in the newest 2,000 runs that these records do not count, by pattern, oldest first.

    Raises what a call of the journal does; then nothing is known of any.
    """
    journal = kernel.ref("journal")
    wanted: dict[str, set[str]] = {}
    for pattern in records:
        pipeline, _, step = target_of(pattern).partition("/")
        wanted.setdefault(pipeline, set()).add(step.partition("/")[0])
    runs: tuple[RunSummary, ...] = await journal.call(ListRuns(MOST_RUNS), timeout_s=_CALL_S)
    found = {pattern: set[float]() for pattern in records}
    for run in runs:
        for step in wanted.get(run.pipeline_name, ()):
            asked = LoadRun(run.run_id, whole=False, under=step)
            record: RunRecord | None = await journal.call(asked, timeout_s=_CALL_S)
            if record is None:  # retention has taken it meanwhile
                continue
            for at, pattern, approved in answers_in({path: each.result for path, each in record.steps.items()}):
                if not approved and pattern in records and records[pattern].lacks_rejection(at):
                    found[pattern].add(at)
    return {pattern: sorted(times) for pattern, times in found.items() if times}
