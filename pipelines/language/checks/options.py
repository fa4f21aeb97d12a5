"""What a step says of its provider, its CLI options, its paths, operations and functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from pipelines.language.diagnostics import Path
from pipelines.language.pipeline import Pipeline
from pipelines.language.steps import (
    BaseStep,
    ClaudeBatchStep,
    DataTransformStep,
    ParallelClaudeStep,
)
from pipelines.language.templates import is_template
from pipelines.transform import compile_filter

from .judging import Finding, Names, fix_for, listed

AGGREGATE_NAMES: Final = ("sum", "average", "avg", "mean", "count", "max", "min", "first", "last", "unique")
EXPRESSION_NAMES: Final = ("uppercase", "lowercase", "trim", "number")

CLAUDE_OPTIONS: Final = frozenset(
    {
        "max_turns", "allowed_tools", "disallowed_tools", "system_prompt", "append_system_prompt", "verbose", "cwd",
        "model", "fallback_model", "output_format", "print", "timeout_ms", "timeout", "retry_config", "debug_mode",
        "telemetry_enabled", "cost_tracking", "agents", "hooks", "mcp_servers", "mcp_config", "permission_mode",
        "memory_config", "enable_skills", "enable_context_management", "setting_sources", "session_id", "resume",
        "resume_session",
        "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "async_streaming", "preset",
        "add_dirs", "max_thinking_tokens", "effort", "max_budget_usd", "include_partial_messages", "environment",
        "env", "sandbox", "skills", "plugins", "betas", "context_management", "output_schema", "thinking",
    }
)  # fmt: skip
TRANSFORM_OPERATIONS: Final = ("filter", "map", "aggregate", "join", "group_by", "sort")
_NEEDS: Final = {"filter": "condition", "sort": "field", "group_by": "field", "join": "join_key"}
# Operation -> its keys with a word of a table, and what pipeline_ex does with any other word.
WORDS: Final[Mapping[str, tuple[tuple[str, tuple[str, ...], str], ...]]] = {
    "aggregate": (("function", AGGREGATE_NAMES, "the values stay as they are"),),
    "map": (("expression", EXPRESSION_NAMES, "nothing is changed"),),
    "sort": (("order", ("asc", "desc"), "it is read as asc"),),
}


def check_claude_options(step: BaseStep, at: Path, findings: list[Finding]) -> None:
    """Adds the options that no version of Claude Code or of the API has."""
    holders: list[tuple[Path, object]] = [(at, step)]
    if isinstance(step, ClaudeBatchStep):
        holders += [((*at, "tasks", i), task) for i, task in enumerate(step.tasks)]
    if isinstance(step, ParallelClaudeStep):
        holders += [((*at, "parallel_tasks", i), task) for i, task in enumerate(step.parallel_tasks)]
    for key, holder in holders:
        options: Mapping[str, object] = getattr(holder, "claude_options", None) or {}
        for name in options:
            if name not in CLAUDE_OPTIONS:
                fix = fix_for(name, CLAUDE_OPTIONS, "remove it")
                message = f"unknown key '{name}'"
                findings.append(Finding("extra_forbidden", (*key, "claude_options", name), message, fix=fix))


def check_provider(step: BaseStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """Adds a provider that this node does not know."""
    known, provider = names.around.providers, step.provider
    if known is None or provider is None or provider in known or is_template(provider):
        return
    fix = fix_for(provider, known, "leave `provider` out to let the node's routes choose")
    message = f"there is no provider '{provider}'"
    findings.append(Finding("missing_provider", (*at, "provider"), message, f"one of: {listed(known)}", fix))


def check_functions(pipeline: Pipeline, names: Names, findings: list[Finding]) -> None:
    """Adds declarations under `gemini_functions` that are none. A file of the `workflow:` dialect must describe each,
    as pipeline_ex asks."""
    for name, body in pipeline.gemini_functions.items():
        key: Path = ("gemini_functions", name)
        if not isinstance(body, dict):
            fix = "write {description: ..., parameters: {...}}"
            findings.append(Finding("function", key, f"Function '{name}' definition must be a map", fix=fix))
            continue
        for part in ("description", "parameters") if names.lenient else ():
            if body.get(part) is None:
                message = f"Function '{name}' missing '{part}' field"
                findings.append(Finding("missing", key, message, fix=f"add `{part}:`"))
        if body.get("parameters") is not None and not isinstance(body["parameters"], dict):
            fix = "write JSON Schema, or names with types"
            message = f"Function '{name}' parameters must be a map"
            findings.append(Finding("function", (*key, "parameters"), message, fix=fix))


def _check_needs(name: str, operation: Mapping[str, object], key: Path, findings: list[Finding]) -> None:
    """Adds the key that an operation cannot do without, and a filter's condition that is none."""
    needed = _NEEDS.get(name)
    value = operation.get(needed) if needed else None
    if needed and value is None:
        message = f"the operation '{name}' needs '{needed}'"
        findings.append(Finding("missing", (*key, needed), message, fix=f"add `{needed}:`"))
    elif name == "filter" and isinstance(value, str) and not is_template(value):
        field = operation.get("field")
        try:
            compile_filter(value, field if isinstance(field, str) else None)
        except ValueError as error:
            example = 'a comparison such as "score > 80"'
            findings.append(Finding("filter", (*key, "condition"), str(error), example, "correct the condition"))


def check_operations(step: DataTransformStep, at: Path, names: Names, findings: list[Finding]) -> None:
    """Adds operations without a name or with an unknown one, and unknown words in them. Where unresolved names are
    kept, such a word is read as pipeline_ex does."""
    for index, operation in enumerate(step.operations):
        name = operation.get("operation")
        key = (*at, "operations", index)
        if name is None:
            fix = f"add `operation:` (one of {', '.join(TRANSFORM_OPERATIONS)})"
            findings.append(Finding("missing", key, "the operation has no 'operation' key", fix=fix))
        elif name not in TRANSFORM_OPERATIONS:
            fix = fix_for(str(name), TRANSFORM_OPERATIONS, "")
            expected = f"one of: {', '.join(TRANSFORM_OPERATIONS)}"
            findings.append(
                Finding("unknown_operation", (*key, "operation"), f"Unknown operation: {name}", expected, fix)
            )
        _check_needs(str(name), operation, key, findings)
        for word, known, otherwise in WORDS.get(str(name), ()):
            value = operation.get(word)
            if isinstance(value, str) and value not in known and not is_template(value):
                message = f"{word} '{value}' is not known"
                found = Finding("unknown_word", (*key, word), message, f"one of: {', '.join(known)}",
                                fix_for(value, known, ""))  # fmt: skip
                if names.lenient:
                    found = replace(found, severity="warning", message=f"{message}, so {otherwise}")
                findings.append(found)


def check_fields(fields: JsonValue, key: Path, findings: list[Finding]) -> None:
    """Adds what is wrong with the schema of an approval's data: later than now only a person would find it."""
    from pipelines.extraction import find_misfits, normalise_schema  # noqa: PLC0415 - few files need it

    schema = normalise_schema(fields)
    wrong = [each for each in find_misfits(schema, {}) if each.in_schema]
    if schema.get("type", "object") != "object":
        fix = "name the fields: `{count: integer, reason: string}`"
        findings.append(Finding("schema", key, "the fields are no map of names", "an object's schema", fix))
    for each in wrong:
        message = f"this is no JSON Schema: {each.message}"
        findings.append(Finding("schema", key, message, fix="mend the schema, or use the short form"))


def check_inside(path: str | None, key: Path, findings: list[Finding]) -> None:
    """Adds a path that leaves the workspace; one with templates only the run can judge."""
    if path is None or is_template(path):
        return
    if path.startswith(("/", "~")) or "\\" in path or ".." in path.split("/"):
        findings.append(
            Finding(
                "path_escapes",
                key,
                f"the path '{path}' leaves the workspace",
                "a path inside the workspace, relative to it",
                "put the file into the workspace and name it without '..' or a leading '/'",
            )
        )
