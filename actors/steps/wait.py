"""`wait`: until a moment that is fixed when the step begins and stays what it is over restarts."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from actors.steps.context import StepContext
from actors.steps.errors import WaitTimeError
from pipelines.execution import iso
from pipelines.language import LONGEST_WAIT_S, WaitStep, moment_of, render, render_text

KEPT = "@wait"
# The moment is a time of day, the clock that wakes us counts seconds: machines sleep, and clocks are set.
_LOOK_EVERY_S = 60.0


async def wait(context: StepContext) -> JsonValue:
    """When it began, until when it waited and how long. Raises `WaitTimeError` and `TemplateError`."""
    step: WaitStep = context.step
    clock = context.kernel.clock
    times = (await context.recall()).get(KEPT)
    if times is None:
        now = clock.wall()
        times = await context.record(KEPT, {"began_at": now, "until": _until(context, step, now)})
    began_at, until = _read(times)
    if until > clock.wall():
        message = None if step.message is None else render_text(step.message, context.scope)[:500]
        context.say("step_waiting", waiting_for="a time", until=iso(until), message=message)
    while (rest := until - clock.wall()) > 0:
        await clock.sleep(min(rest, _LOOK_EVERY_S))
    waited_s = round(max(0.0, clock.wall() - began_at), 3)
    return {"success": True, "began_at": iso(began_at), "until": iso(until), "waited_s": waited_s}


def _until(context: StepContext, step: WaitStep, now: float) -> float:
    if step.for_s is not None:
        value = render(step.for_s, context.scope) if isinstance(step.for_s, str) else step.for_s
        until = now + _number(value, "for_s")
    else:
        value = render(step.until, context.scope)
        until = _moment(value)
    if until - now > LONGEST_WAIT_S:
        raise WaitTimeError(f"{iso(min(until, 2e11))} is more than {LONGEST_WAIT_S / 86_400:g} days away")
    return until


def _number(value: JsonValue, key: str) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool) and 0 <= float(value) <= 1e12:
            return float(value)
    except ValueError:
        pass
    raise WaitTimeError(f"`{key}` gives {str(value)[:60]!r}, which is no number of seconds")


def _moment(value: JsonValue) -> float:
    if isinstance(value, int | float):
        return _number(value, "until")
    try:
        return moment_of(str(value)).timestamp()
    except (ValueError, OverflowError) as error:
        raise WaitTimeError(str(error)) from error


def _read(times: JsonValue) -> tuple[float, float]:
    facts = times if isinstance(times, Mapping) else {}
    return _number(facts.get("began_at"), KEPT), _number(facts.get("until"), KEPT)
