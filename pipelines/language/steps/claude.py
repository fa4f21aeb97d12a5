"""The steps that ask the provider of the `claude` family."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipelines.language.parts import ContextConfig, ExtractionConfig, Part, PromptPart

from .base import BaseStep, JsonMap, Preset, PromptStep


class ClaudeStep(PromptStep):
    type: Literal["claude"]
    claude_options: JsonMap = {}
    async_streaming: bool | None = None
    stream_handler: str | None = None
    stream_buffer_size: int | None = Field(default=None, gt=0)


class ClaudeSmartStep(PromptStep):
    type: Literal["claude_smart"]
    preset: Preset | None = None
    environment_aware: bool = False
    claude_options: JsonMap = {}


class ClaudeExtractStep(PromptStep):
    """`output_schema` (key `schema`) may be JSON Schema or the mission's free form."""

    type: Literal["claude_extract"]
    preset: Preset | None = None
    environment_aware: bool = False
    claude_options: JsonMap = {}
    extraction_config: ExtractionConfig = ExtractionConfig()


class ParallelTask(Part):
    """One question of `parallel_claude`."""

    id: str = Field(min_length=1)
    prompt: str
    prompt_parts: tuple[PromptPart, ...] = ()
    claude_options: JsonMap = {}
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    output_to_file: str | None = None


class ParallelClaudeStep(BaseStep):
    type: Literal["parallel_claude"]
    parallel_tasks: tuple[ParallelTask, ...] = Field(min_length=1)
    max_parallel: int = Field(default=8, ge=1, le=100)
    context: ContextConfig = ContextConfig()
