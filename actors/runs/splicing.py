"""Asking the emergent fallback for another way to a failed step's result, and splicing in what it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import JsonValue

from actors.kernel import ActorDeadError, CallTimeout, Kernel, MailboxFull
from pipelines.execution import Ancestry
from pipelines.guardrails import Subject
from pipelines.language import Scope, Step

_GRACE_S = 5.0
_TIMES_ASKED = 3
_LOOKS = 20
_LOOK_AGAIN_S = 0.05


class Failed(Protocol):
    """The part of a StepTicket that the fallback needs."""

    run_id: str
    pipeline: str
    key: str
    step: Step
    scope: Scope
    ancestry: Ancestry
    workspace: str
    routes: Mapping[str, str]
    payers: tuple[tuple[str, str], ...]
    subject: Subject


class Say(Protocol):
    """Publishes an event of the step."""

    def __call__(self, kind: Any, **data: Any) -> None: ...


async def another_way(
    kernel: Kernel, failed: Failed, error: Mapping[str, JsonValue], timeout_s: float, say: Say
) -> JsonValue | None:
    """The spliced-in result, or None when there is no fallback or it found nothing.

    A fallback that dies on the way is asked again once its supervisor has restarted it. Never raises: a step whose
    fallback fails has failed as if there were none.
    """
    if kernel.registry.whereis("fallback") is None and not await _comes_back(kernel):
        return None
    from actors.recovery import FindAnotherWay, GaveUp, Recovered  # noqa: PLC0415 - recovery submits runs: a cycle

    say("fallback_started", error=dict(error))
    asked = FindAnotherWay(
        run_id=failed.run_id,
        pipeline_name=failed.pipeline,
        step=failed.step,
        scope=failed.scope,
        error=error,
        workspace=failed.workspace,
        provider_routes=failed.routes,
        deadline_s=timeout_s,
        ancestors=failed.ancestry.names,
        payer=failed.payers[0] if failed.payers else None,
        subject=failed.subject,
    )
    try:
        answer: Recovered | GaveUp = await _ask(kernel, asked, timeout_s + _GRACE_S)
    except (ActorDeadError, CallTimeout, MailboxFull) as lost:
        say("fallback_failed", reason=str(lost))
        return None
    tried: list[JsonValue] = [each.strategy for each in answer.tried]
    if isinstance(answer, Recovered):
        say("fallback_succeeded", strategy=answer.strategy, tried=tried)
        return answer.result
    say("fallback_failed", reason=answer.reason, tried=tried)
    return None


async def _ask(kernel: Kernel, asked: Any, timeout_s: float) -> Any:
    for _ in range(_TIMES_ASKED - 1):
        try:
            return await kernel.ref("fallback").call(asked, timeout_s=timeout_s)
        except ActorDeadError:
            if not await _comes_back(kernel):
                raise
    return await kernel.ref("fallback").call(asked, timeout_s=timeout_s)


async def _comes_back(kernel: Kernel) -> bool:
    """Whether the fallback is there, if need be after a restart. A node without one is told by its "recovery"."""
    for _ in range(_LOOKS):
        if kernel.registry.whereis("fallback") is not None:
            return True
        if kernel.registry.whereis("recovery") is None:
            return False
        await kernel.clock.sleep(_LOOK_AGAIN_S)
    return False
