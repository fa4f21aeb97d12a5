"""`claude_batch`: many questions as one step."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from pipelines.language.parts import ContextConfig, Part, PromptPart

from .base import SCHEMA_FIELD, BaseStep, JsonMap, Preset


class BatchTask(Part):
    """One question: its `prompt`, or the text of a workspace `file`, or both, the file's text behind the prompt."""

    id: str = Field(min_length=1, max_length=200)
    prompt: str = ""
    prompt_parts: tuple[PromptPart, ...] = ()
    file: str | None = None
    system: str | None = None
    claude_options: JsonMap = {}

    @model_validator(mode="after")
    def _asks_something(self) -> BatchTask:
        if not self.prompt and self.file is None:
            raise ValueError(f"the task '{self.id}' needs a `prompt` or a `file`")
        return self


class BatchConfig(Part):
    """How a batch is worked off.

    At most `max_parallel` tasks are asked at once; with `batch_size` that many tasks make a batch, and the next one
    begins when the whole of the last is done. `timeout_per_task` is in milliseconds. The step succeeds when all tasks
    do, any does, or (`ratio`) at least `success_ratio` of them, with `none` always; tasks that failed are then in the
    result.
    """

    max_parallel: int = Field(default=3, ge=1, le=100)
    batch_size: int | None = Field(default=None, ge=1, le=10_000)
    timeout_per_task: float | None = Field(default=None, gt=0, le=86_400_000)
    consolidate_results: bool = True
    success_policy: Literal["all", "any", "ratio", "none"] = "any"
    success_ratio: float = Field(default=0.5, gt=0, le=1)


class ClaudeBatchStep(BaseStep):
    """Asks each of `tasks`, and `prompt` once for each workspace file that `files` names (a path, a pattern or a list).

    In `prompt`, `loop.path`, `loop.name`, `loop.content` and `loop.index` are the file; a prompt that mentions none of
    them is followed by the file's text. Without `tasks` and `files`, `prompt` is the only task.
    """

    type: Literal["claude_batch"]
    tasks: tuple[BatchTask, ...] = Field(default=(), max_length=10_000)
    files: JsonValue = None
    prompt: str | None = None
    prompt_parts: tuple[PromptPart, ...] = ()
    batch_config: BatchConfig = BatchConfig()
    preset: Preset | None = None
    environment_aware: bool = False
    claude_options: JsonMap = {}
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    output_schema: JsonValue = SCHEMA_FIELD
    context: ContextConfig = ContextConfig()

    @model_validator(mode="after")
    def _has_something_to_do(self) -> ClaudeBatchStep:
        if not self.tasks and self.files is None and self.prompt is None:
            raise ValueError(
                f"Step '{self.name}' of type 'claude_batch' must have either 'prompt' or 'tasks' field, or `files`"
            )
        ids = [task.id for task in self.tasks]
        twice = next((each for each in ids if ids.count(each) > 1), None) if len(set(ids)) < len(ids) else None
        if twice is not None:
            raise ValueError(f"two tasks have the id '{twice}'")
        return self
