"""One alternative as a run: submitted, awaited, read, judged; cancelled when nobody waits for it any more."""

from __future__ import annotations

import asyncio

from pydantic import JsonValue

from actors.journal import JournalError
from actors.kernel import Kernel, KernelError
from actors.recovery.messages import FindAnotherWay, Tried
from actors.runs.errors import RunError
from actors.runs.messages import AwaitRun, CancelRun, SubmitRun
from actors.runs.values import RunOutcome, RunRequest
from pipelines.extraction import checks_prepared, prepare_checks
from pipelines.language import BaseStep, LanguageError
from pipelines.recovery import Alternative, misfit, read_answer

SUBMIT_TIMEOUT_S = 30.0
REPLY_MARGIN_S = 5.0

Result = dict[str, JsonValue]


async def attempt(
    kernel: Kernel, wanted: FindAnotherWay, step: BaseStep, way: Alternative, timeout_s: float
) -> tuple[Result | None, Tried]:
    """Runs `way` for at most about `timeout_s` -> the result that fits or None, and the record of the attempt.

    A run that does not end in time, that is paused by a kill switch, or whose waiting is cancelled is cancelled.
    """
    run_id = f"fallback-{kernel.rng.getrandbits(64):016x}"
    runs = kernel.ref("runs")
    ended = False
    try:
        await runs.call(SubmitRun(_request(run_id, wanted, way)), timeout_s=min(timeout_s, SUBMIT_TIMEOUT_S))
        outcome: RunOutcome = await runs.call(AwaitRun(run_id, timeout_s), timeout_s=timeout_s + REPLY_MARGIN_S)
        ended = outcome.status != "paused"
    except (RunError, KernelError, LanguageError, JournalError) as error:
        return None, Tried(way.strategy, way.detail, run_id, f"{type(error).__name__}: {error}")
    finally:
        if not ended:
            _cancel(kernel, run_id)
    if getattr(step, "output_schema", None) is not None and not checks_prepared():
        await asyncio.to_thread(prepare_checks)
    result, reason = _judge(outcome, way, step)
    return result, Tried(way.strategy, way.detail, run_id, reason)


def _request(run_id: str, wanted: FindAnotherWay, way: Alternative) -> RunRequest:
    routes = dict(wanted.provider_routes)
    if way.provider:
        # The failed run's routes would otherwise lead back to the provider that failed.
        routes |= {"claude": way.provider, "gemini": way.provider}
    return RunRequest(
        run_id=run_id,
        pipeline=way.pipeline,
        inputs=way.inputs,
        workspace=wanted.workspace,
        parent=wanted.run_id,
        depth=1,
        origin="fallback",
        provider_routes=routes,
        on_behalf_of=wanted.pipelines,
        payer=wanted.payer,
        tenant=wanted.subject.tenant,
    )


def _judge(outcome: RunOutcome, way: Alternative, step: BaseStep) -> tuple[Result | None, str | None]:
    if outcome.status != "succeeded":
        told = (outcome.error or {}).get("message")
        return None, f"the run {outcome.status}" + (f": {told}" if told else "")
    result = read_answer(way, outcome.results, outcome.outputs, step)
    if result is None:
        return None, "the run left no answer"
    reason = misfit(step, result)
    return (None, reason) if reason else (result, None)


def _cancel(kernel: Kernel, run_id: str) -> None:
    try:
        kernel.ref("runs").tell(CancelRun(run_id))
    except KernelError:
        # Without a dispatcher nothing can be told; the run ends by its own steps' time limits.
        return
