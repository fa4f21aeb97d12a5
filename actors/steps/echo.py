"""`test_echo`: answers its value, after a while if told so, or fails."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.context import StepContext
from actors.steps.errors import EchoedFailureError
from pipelines.language import TestEchoStep, render

_FAILS = "__FAIL__"


async def echo(context: StepContext) -> JsonValue:
    """The rendered `value` ("default_echo" for null and false)."""
    step: TestEchoStep = context.step
    if step.delay_s:
        await context.kernel.clock.sleep(step.delay_s)
    value = render(step.value, context.scope)
    if step.fail or value == _FAILS:
        raise EchoedFailureError(step.error_message or "Test step intentionally failed")
    return "default_echo" if value is None or value is False else value
