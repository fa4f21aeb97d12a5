"""Keys that the format knows, that are read, and that change nothing here: each is told as a warning.

They come from pipeline_ex, where a step is a command line agent with tools, files and a terminal of its own. A key that
gets a meaning is taken out of its table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pipelines.language.diagnostics import Path
from pipelines.language.pipeline import Pipeline
from pipelines.language.steps import BaseStep, PipelineStep

from .judging import Finding

_AGENT: Final = "it configures the agent of pipeline_ex; steps here ask the provider's API, without tools of its own"
_JOURNAL: Final = "every run is kept in the journal and goes on after a restart"
_PIPELINE: Final = {
    "checkpoint_dir": _JOURNAL,
    "checkpoint_enabled": _JOURNAL,
    "claude_auth": "keys come from the node's settings",
    "resource_limits": "limits come from the node's settings and a nested pipeline's `config`",
    "hooks": _AGENT,
    "agents": _AGENT,
    "mcp_servers": _AGENT,
    "memory_config": _AGENT,
    "enable_skills": _AGENT,
    "enable_context_management": _AGENT,
    "setting_sources": _AGENT,
    "input": "give inputs to the run, or declare defaults under `inputs`",
}
_STEP: Final = {
    "streaming": "progress is streamed by the run itself (`--follow`)",
    "async_streaming": "progress is streamed by the run itself (`--follow`)",
    "stream_handler": "progress is streamed by the run itself (`--follow`)",
    "stream_buffer_size": "progress is streamed by the run itself (`--follow`)",
}
DEFAULTS: Final = frozenset(
    {
        "claude_preset", "claude_options", "claude_output_format", "gemini_model", "gemini_token_budget", "output_dir",
        "timeout_seconds", "timeout_s", "continue_on_error", "retry_on_error", "context",
    }
)  # fmt: skip
HEEDED_OPTIONS: Final = frozenset(
    {
        "system_prompt", "append_system_prompt", "model", "max_tokens", "temperature", "top_p", "top_k", "timeout_ms",
        "retry_config",
        "max_turns",
        "output_format",
    }
)  # fmt: skip


def unheeded(pipeline: Pipeline) -> list[Finding]:
    """One warning for each key of `pipeline` that has no effect; nested pipelines included."""
    return list(_of_pipeline(pipeline, ()))


def _of_pipeline(pipeline: Pipeline, at: Path) -> Iterator[Finding]:
    for name in sorted(pipeline.model_fields_set & _PIPELINE.keys()):
        if getattr(pipeline, name) not in (None, False):
            yield _finding((*at, name), f"'{name}' has no effect: {_PIPELINE[name]}")
    for name in pipeline.defaults:
        if name not in DEFAULTS:
            yield _finding((*at, "defaults", name), f"'{name}' is no default and has no effect")
    for name in pipeline.environment:
        if name != "mode":
            yield _finding((*at, "environment", name), f"'{name}' has no effect: of `environment` only `mode` is read")
    yield from _of_steps(pipeline.steps, (*at, "steps"))
    yield from _of_steps(pipeline.finally_, (*at, "finally"))


def _of_steps(steps: tuple[BaseStep, ...], at: Path) -> Iterator[Finding]:
    for index, step in enumerate(steps):
        key = (*at, index)
        for name in sorted(step.model_fields_set & _STEP.keys()):
            yield _finding((*key, name), f"'{name}' has no effect: {_STEP[name]}")
        yield from _of_options(step, key)
        for part_index, part in enumerate(getattr(step, "prompt_parts", ())):
            if part.type == "session_context":
                message = "'session_context' is empty text here: a claude_session step sends its conversation itself"
                yield _finding((*key, "prompt", part_index), message)
        for task_index, task in enumerate(getattr(step, "parallel_tasks", ())):
            yield from _of_options(task, (*key, "parallel_tasks", task_index))
        if isinstance(step, PipelineStep) and step.pipeline is not None:
            yield from _of_pipeline(step.pipeline, (*key, "pipeline"))
        inner = getattr(step, "steps", None)
        if isinstance(inner, tuple):
            yield from _of_steps(cast("tuple[BaseStep, ...]", inner), (*key, "steps"))


def _of_options(holder: object, at: Path) -> Iterator[Finding]:
    options: Any = getattr(holder, "claude_options", None)
    if isinstance(options, Mapping):
        idle = sorted(cast("Mapping[str, Any]", options).keys() - HEEDED_OPTIONS)
        if idle:
            yield _finding((*at, "claude_options"), f"without effect: {', '.join(idle)}; {_AGENT}")


def _finding(key: Path, message: str) -> Finding:
    return Finding("no_effect", key, message, fix="remove it, or keep it for pipeline_ex", severity="warning")
