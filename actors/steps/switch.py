"""`switch`: chooses the branch, once a run; the run unfolds its steps (`pipelines.execution.switch`)."""

from __future__ import annotations

from actors.steps.context import StepContext
from pipelines.execution import Composite, SwitchRun, choose_branch
from pipelines.language import SwitchStep

_BRANCH = "@branch"


async def open_switch(context: StepContext) -> Composite:
    """Raises `TemplateError` or `ConditionError` when no choice can be made.

    The choice is kept: a resumed run goes on in the branch it was in, whatever `now()` says by then.
    """
    step: SwitchStep = context.step
    branch = await context.record(_BRANCH, choose_branch(step, context.scope))
    return SwitchRun(context.key, step, branch if isinstance(branch, int) else None, context.scope, context.ancestry)
