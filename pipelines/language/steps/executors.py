"""Steps that run pipelines which are data: made by an earlier step, read from a file, given as an input."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from pipelines.language.parts import NestingConfig

from .base import BaseStep, JsonMap


class ExecutorStep(BaseStep):
    """What both have. A pipeline is a map or YAML text (perhaps in a code fence), checked before it runs.

    Each gets those of `inputs` that it knows. `config` bounds their depth, the steps of all of them together, and the
    seconds of the whole step. What they come to is data: the step itself fails only with `require_success`.
    """

    inputs: JsonMap = {}
    config: NestingConfig = NestingConfig(max_depth=3, max_total_steps=200)
    require_success: bool = False


class PipelineExecutorStep(ExecutorStep):
    """Runs one, and says how it went: `success`, `outputs`, `error`, `fitness` (the part of its steps that is done)."""

    type: Literal["pipeline_executor"]
    pipeline: JsonValue


class ParallelPipelineExecutorStep(ExecutorStep):
    """Runs several, at most `max_parallel` at once, and compares them. `require_success`: of at least one."""

    type: Literal["parallel_pipeline_executor"]
    pipelines: JsonValue
    max_parallel: int = Field(default=5, ge=1, le=50)
