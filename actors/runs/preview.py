"""What a kill switch would stop, asked of the runs themselves before anybody triggers it. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from actors.kernel import ActorDeadError, CallTimeout, Kernel, MailboxFull
from actors.runs.names import pipeline_name
from pipelines.guardrails import Switch

MOST_NAMED = 20
DEADLINE_S = 3.0
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class WouldHold:
    """To a PipelineActor: what of the run this switch would stop -> `RunHeld`, None when nothing."""

    switch: Switch


@dataclass(frozen=True, slots=True)
class RunHeld:
    """`steps` are the first of its steps in flight that would be cut off, `count` is how many there are."""

    steps: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class PreviewSwitch:
    """To "runs": what this switch would stop now -> `SwitchPreview`, within about 3 s."""

    switch: Switch


@dataclass(frozen=True, slots=True)
class SwitchPreview:
    """How many runs would stand still and how many of their steps would be cut off, and the first 20 of each by name.

    `unanswered` runs did not say in time, or were just beginning or ending.
    """

    run_count: int
    runs: tuple[str, ...]
    step_count: int
    steps: tuple[str, ...]
    unanswered: int


def first_of(steps: Iterator[str]) -> RunHeld:
    """The answer of a run that would stop."""
    keys = tuple(steps)
    return RunHeld(keys[:MOST_NAMED], len(keys))


async def preview(kernel: Kernel, run_ids: Iterable[str], switch: Switch) -> SwitchPreview:
    """Asks all these runs; as many as answer in time."""
    wanted = tuple(run_ids)
    found: dict[str, RunHeld | None] = {}

    async def ask(run_id: str) -> None:
        ref = kernel.registry.whereis(pipeline_name(run_id))
        if ref is None:
            return
        try:
            answer: object = await ref.call(WouldHold(switch), timeout_s=DEADLINE_S)
        except (ActorDeadError, CallTimeout, MailboxFull):
            return
        found[run_id] = answer if isinstance(answer, RunHeld) else None

    try:
        async with asyncio.timeout(DEADLINE_S):
            waiting = iter(wanted)
            while some := tuple(islice(waiting, _AT_ONCE)):
                await asyncio.gather(*(ask(run_id) for run_id in some))
    except TimeoutError:
        pass  # what has not been asked by now counts as unanswered
    held = {run_id: each for run_id, each in found.items() if each is not None}
    steps = [f"{run_id}/{step}" for run_id, each in held.items() for step in each.steps[:MOST_NAMED]]
    return SwitchPreview(
        len(held),
        tuple(held)[:MOST_NAMED],
        sum(each.count for each in held.values()),
        tuple(steps[:MOST_NAMED]),
        len(wanted) - len(found),
    )
