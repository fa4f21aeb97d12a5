"""Nested pipelines. The model is completed in `pipeline`, where `Pipeline` is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator, model_validator

from pipelines.language.parts import NestingConfig, OutputPath
from pipelines.language.pipeline_reference import parse_reference

from .base import BaseStep, JsonMap

if TYPE_CHECKING:
    from pipelines.language.pipeline import Pipeline


class PipelineStep(BaseStep):
    """Runs a pipeline inside this one; its text is its own and is not rendered with the parent's names."""

    type: Literal["pipeline"]
    pipeline: Pipeline | None = None
    pipeline_file: str | None = None
    pipeline_ref: str | None = None
    inputs: JsonMap = {}
    outputs: tuple[str | OutputPath, ...] | None = None
    config: NestingConfig = NestingConfig()

    @model_validator(mode="after")
    def _names_exactly_one_pipeline(self) -> PipelineStep:
        sources = ("pipeline", "pipeline_file", "pipeline_ref")
        named = [key for key in sources if getattr(self, key) is not None]
        if not named:
            raise ValueError("No pipeline source specified. Use 'pipeline_file' or 'pipeline' key.")
        if len(named) > 1:
            given = " and ".join(f"`{key}`" for key in named)
            raise ValueError(
                f"a pipeline step needs one of `pipeline` (inline), `pipeline_file` and `pipeline_ref`, and not {given}"
            )
        return self

    @field_validator("pipeline_ref")
    @classmethod
    def _is_a_reference(cls, text: str | None) -> str | None:
        if text is not None:
            parse_reference(text)
        return text
