"""What follows an approval, and at what cost: worked out when somebody looks, from the run's recorded definition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from actors.journal import JournalError, LoadRun, RunRecord
from actors.kernel import ActorDeadError, CallTimeout, MailboxFull
from actors.runs import load_known
from pipelines.execution import Question
from pipelines.language import InvalidPipelineError
from pipelines.tooling import Models, estimate, following
from runtime.gateway.endpoint import Desk
from runtime.gateway.guarding import models_of, today_of

MOST_LOOKED_AT = 200
LOOK_S = 1.0
# No step's path begins so: of the run only definition and inputs are wanted.
_NO_STEPS = "/none"


async def foreseen(desk: Desk, questions: Sequence[Question]) -> list[dict[str, Any] | None]:
    """For each question the steps that wait for it and their estimate. None for those beyond the first 200, or beyond
    the first second of work, and where the definition cannot be read: a list must not wait for what is only told
    beside it."""
    models = models_of(desk.view.settings)
    found: list[dict[str, Any] | None] = []
    began = time.monotonic()
    for question in questions:
        if len(found) >= MOST_LOOKED_AT or time.monotonic() - began > LOOK_S:
            break
        found.append(await _foresee(desk, question, models))
    return found + [None] * (len(questions) - len(found))


async def _foresee(desk: Desk, question: Question, models: Models) -> dict[str, Any] | None:
    try:
        wanted = LoadRun(question.run_id, whole=False, under=_NO_STEPS)
        record: RunRecord | None = await desk.call("journal", wanted, timeout_s=LOOK_S)
        if record is None:
            return None
        today = today_of(desk)
        return await asyncio.to_thread(lambda: _facts(record, question, models, today))
    except (JournalError, ActorDeadError, CallTimeout, MailboxFull, InvalidPipelineError):
        return None


def _facts(record: RunRecord, question: Question, models: Models, today: Any) -> dict[str, Any]:
    pipeline = load_known(str(record.definition), source=f"<run {record.run_id}>")
    inputs = dict(record.inputs)
    after = following(pipeline, question.step, estimate(pipeline, inputs, models, today, lambda _path: None))
    low, high = after.cost_usd
    return {
        "steps": list(after.steps),
        "cost_usd": {"low": f"{low:f}", "high": f"{high:f}"},
        "unpriced": list(after.unpriced),
        "further_passes_of": list(after.passes),
        "prices_of": today.isoformat(),
    }
