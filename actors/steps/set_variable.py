"""`set_variable`: works out values; the run keeps them, from this result, also after a resume."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.context import StepContext
from pipelines.language import SetVariableStep, render


async def set_variables(context: StepContext) -> JsonValue:
    """All values see the variables as they were before the step."""
    step: SetVariableStep = context.step
    if not step.variables:
        return {}
    values = render(dict(step.variables), context.scope)
    names: list[JsonValue] = list(step.variables)
    return {"variables_set": names, "scope": step.scope, "variable_count": len(names), "variables": values}
