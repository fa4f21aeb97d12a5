"""Steps that put a pipeline into service. They are read and checked; nothing carries them out yet (`not_available`)."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue, model_validator

from .base import BaseStep


class DeployStep(BaseStep):
    """What both have. `deployment_strategy`: a growing part of the runs (`gradual_rollout`), or all of them at once.

    A node cannot deploy yet: the step fails with `not_available`, and nothing stands in for it.
    """

    pipeline: JsonValue = None
    deployment_strategy: Literal["gradual_rollout", "immediate"] = "gradual_rollout"


class ConditionalDeployStep(DeployStep):
    """Deploys if its `condition` holds: `pipeline`, else the one whose trial the condition speaks of."""

    type: Literal["conditional_deploy"]

    @model_validator(mode="after")
    def _is_conditional(self) -> ConditionalDeployStep:
        if self.condition is None:
            raise ValueError(f"Step '{self.name}' of type 'conditional_deploy' needs a `condition`")
        return self


class PipelineDeployerStep(DeployStep):
    """Deploys `pipeline`: a map, a text, or what a template gives."""

    type: Literal["pipeline_deployer"]

    @model_validator(mode="after")
    def _names_a_pipeline(self) -> PipelineDeployerStep:
        if self.pipeline is None:
            raise ValueError(f"Step '{self.name}' of type 'pipeline_deployer' needs a `pipeline`")
        return self
