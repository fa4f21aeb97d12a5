"""The step types, one frozen model each, told apart by `type`.

A new step type is a class here, its name in `Step`, and its execution in the runs floor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AliasChoices, Field, JsonValue, field_validator, model_validator

from .parts import (
    ExtractionConfig,
    NestingConfig,
    OutputPath,
    Part,
    PromptPart,
    RetryPolicy,
    Streaming,
    TokenBudget,
)

if TYPE_CHECKING:
    from .pipeline import Pipeline

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_\-]*$"
JsonMap = dict[str, JsonValue]
Preset = Literal["development", "production", "analysis", "chat", "test"]

SCHEMA_FIELD = Field(
    default=None, validation_alias=AliasChoices("schema", "output_schema"), serialization_alias="schema"
)


class BaseStep(Part):
    """What every step has. `on_error`: "fallback" asks the emergent fallback once its retries are used up."""

    name: str = Field(pattern=NAME_PATTERN, max_length=100)
    condition: JsonValue = None
    depends_on: tuple[str, ...] = ()
    retry: RetryPolicy = RetryPolicy()
    timeout_s: float | None = Field(default=None, gt=0, le=86400)
    on_error: Literal["fail", "fallback", "continue"] = "fallback"
    output_to_file: str | None = None
    provider: str | None = None
    role: str | None = None
    description: str | None = None
    streaming: Streaming | None = None


class PromptStep(BaseStep):
    """A step that asks a provider. `prompt` is template text; `prompt_parts` keeps the parts it came from."""

    prompt: str
    prompt_parts: tuple[PromptPart, ...] = ()
    model: str | None = None
    system: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    output_schema: JsonValue = SCHEMA_FIELD


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


class GeminiStep(PromptStep):
    type: Literal["gemini"]
    token_budget: TokenBudget = TokenBudget()
    functions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


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


class SetVariableStep(BaseStep):
    """All values see the state as it was before the step."""

    type: Literal["set_variable"]
    variables: JsonMap = {}
    scope: Literal["global", "session", "loop"] = "global"

    @field_validator("variables", "scope", mode="before")
    @classmethod
    def _reads_null_as_default(cls, value: object, info: object) -> object:
        if value is not None:
            return value
        return {} if getattr(info, "field_name", "") == "variables" else "global"


class DataTransformStep(BaseStep):
    """`output_field` None means: named like the step."""

    type: Literal["data_transform"]
    input_source: JsonValue
    operations: tuple[JsonMap, ...] = ()
    output_field: str | None = None
    output_format: Literal["json", "string", "count", "none"] = "json"
    lazy: JsonMap | None = None


class FileOpsStep(BaseStep):
    """Paths are relative to the workspace; the engine keeps them inside it."""

    type: Literal["file_ops"]
    operation: Literal["read", "write", "list", "copy", "move", "delete"]
    path: str | None = None
    source: str | None = None
    destination: str | None = None
    content: JsonValue = None
    pattern: str | None = None
    include_content: bool = False
    recursive: bool = False

    @model_validator(mode="after")
    def _has_the_paths_it_needs(self) -> FileOpsStep:
        needed = ("source", "destination") if self.operation in {"copy", "move"} else ("path",)
        if self.operation == "list" and self.path is None:
            return self
        missing = [key for key in needed if getattr(self, key) is None]
        if self.operation == "write" and "content" not in self.model_fields_set:
            missing.append("content")
        if missing:
            raise ValueError(f"file_ops {self.operation} needs {' and '.join(missing)}")
        return self


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


class ForLoopStep(BaseStep):
    """Runs `steps` once for each item of `data_source`."""

    type: Literal["for_loop"]
    iterator: str = Field(default="item", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    data_source: JsonValue
    steps: tuple[Step, ...]
    break_on_error: bool = True
    break_condition: JsonValue = None
    parallel: bool = False
    max_parallel: int = Field(default=5, ge=1, le=1000)
    max_iterations: int = Field(default=10_000, ge=1, le=1_000_000)
    batch_size: int | None = Field(default=None, ge=1)


class TestEchoStep(BaseStep):
    """Answers its `value`, after `delay_s`, or fails: the no-op of tests and benches."""

    __test__ = False

    type: Literal["test_echo"]
    value: JsonValue = None
    fail: bool = False
    error_message: str | None = None
    delay_s: float = Field(default=0, ge=0)


Step = Annotated[
    ClaudeStep
    | ClaudeSmartStep
    | ClaudeExtractStep
    | ParallelClaudeStep
    | GeminiStep
    | SetVariableStep
    | DataTransformStep
    | FileOpsStep
    | PipelineStep
    | ForLoopStep
    | TestEchoStep,
    Field(discriminator="type"),
]

STEP_CLASSES: dict[str, type[BaseStep]] = {
    "claude": ClaudeStep,
    "claude_smart": ClaudeSmartStep,
    "claude_extract": ClaudeExtractStep,
    "parallel_claude": ParallelClaudeStep,
    "gemini": GeminiStep,
    "set_variable": SetVariableStep,
    "data_transform": DataTransformStep,
    "file_ops": FileOpsStep,
    "pipeline": PipelineStep,
    "for_loop": ForLoopStep,
    "test_echo": TestEchoStep,
}

# Known to the mission or to pipeline_ex, so that a reader is told the truth about them instead of "unknown".
UNSUPPORTED_TYPES = frozenset(
    {
        "claude_batch",
        "claude_robust",
        "claude_session",
        "gemini_instructor",
        "while_loop",
        "codebase_query",
        "switch",
        "checkpoint",
        "bash",
        "prompt",
        "pipeline_executor",
        "parallel_pipeline_executor",
        "conditional_deploy",
    }
)
