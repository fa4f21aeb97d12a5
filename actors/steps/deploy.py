"""`conditional_deploy` and `pipeline_deployer`: refused, until the node can put a pipeline into service."""

from __future__ import annotations

from pydantic import JsonValue

from actors.steps.context import StepContext
from actors.steps.errors import NotAvailableError
from pipelines.language import DeployStep


async def deploy(context: StepContext) -> JsonValue:
    """Raises `NotAvailableError`: a deployment that did not take place must not look like one."""
    step: DeployStep = context.step
    raise NotAvailableError(
        f"step '{step.name}' was to deploy a pipeline, which this node cannot do yet: deployment comes with the "
        "evolution work. Nothing was deployed; `on_error: continue` lets the run go on without it"
    )
