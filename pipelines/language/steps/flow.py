"""Nested pipelines. The model is completed in `pipeline`, where `Pipeline` is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from pipelines.language.parts import NestingConfig, OutputPath

from .base import BaseStep, JsonMap

if TYPE_CHECKING:
    from pipelines.language.pipeline import Pipeline


class PipelineStep(BaseStep):
    """Runs a pipeline inside this one; its text is its own and is not rendered with the parent's names."""

    type: Literal["pipeline"]
    pipeline: Pipeline | None = None
    pipeline_file: str | None = None
    inputs: JsonMap = {}
    outputs: tuple[str | OutputPath, ...] | None = None
    config: NestingConfig = NestingConfig()

    @model_validator(mode="after")
    def _names_exactly_one_pipeline(self) -> PipelineStep:
        if self.pipeline is None and self.pipeline_file is None:
            raise ValueError("No pipeline source specified. Use 'pipeline_file' or 'pipeline' key.")
        if self.pipeline is not None and self.pipeline_file is not None:
            raise ValueError("a pipeline step needs either `pipeline` (inline) or `pipeline_file`, and not both")
        return self
