"""A failed step's question as raw steps of another definition. Its texts travel as inputs, so that nothing in them is
taken for a template. Pure."""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.language import BaseStep, ClaudeExtractStep, GeminiStep, ParallelClaudeStep, PromptStep

JsonMap = dict[str, JsonValue]

ANSWER: Final = "answer"
_KEPT_OPTIONS: Final = ("max_tokens", "temperature", "system_prompt", "append_system_prompt", "max_turns")


def same_kind(step: BaseStep, *, same_vendor: bool) -> tuple[JsonMap, JsonMap]:
    """The same question as a step `answer`, and the inputs that hold its texts.

    The model goes along to the `same_vendor` only: it is that vendor's, and leaving it out there would ask the
    provider's default one, at another price.
    """
    inputs: JsonMap = {}
    if isinstance(step, ParallelClaudeStep):
        tasks: list[JsonValue] = []
        for index, task in enumerate(step.parallel_tasks):
            written, texts = question(task, f"_{index}", same_vendor=same_vendor)
            tasks.append({**written, "id": task.id})
            inputs |= texts
        raw: JsonMap = {"name": ANSWER, "type": "parallel_claude", "parallel_tasks": tasks}
        return {**raw, "max_parallel": step.max_parallel}, inputs
    raw, inputs = question(step, "", same_vendor=same_vendor)
    raw |= {"name": ANSWER, "type": cast(Any, step).type}
    if isinstance(step, PromptStep) and step.output_schema is not None:
        raw["schema"] = step.output_schema
    preset = getattr(step, "preset", None)
    if preset is not None:
        raw["preset"] = preset
    if isinstance(step, ClaudeExtractStep):
        # Readers of the step count on the format of its text.
        raw["extraction_config"] = step.extraction_config.model_dump(mode="json", exclude_defaults=True)
    if isinstance(step, GeminiStep):
        # Declared functions belong to the failed pipeline and are not there in this one.
        raw["token_budget"] = step.token_budget.model_dump(mode="json", exclude_defaults=True)
    return raw, inputs


def one_after_another(step: ParallelClaudeStep, *, same_vendor: bool) -> tuple[list[JsonMap], JsonMap]:
    """The tasks as `claude` steps `part_0`, `part_1`, ... that wait for each other."""
    raws: list[JsonMap] = []
    inputs: JsonMap = {}
    for index, task in enumerate(step.parallel_tasks):
        raw, texts = question(task, f"_{index}", same_vendor=same_vendor)
        waits: JsonMap = {"depends_on": [f"part_{index - 1}"]} if index else {}
        raws.append({**raw, **waits, "name": f"part_{index}", "type": "claude"})
        inputs |= texts
    return raws, inputs


def question(holder: Any, suffix: str, *, same_vendor: bool) -> tuple[JsonMap, JsonMap]:
    """What a step or task asks, and how; without name and type."""
    raw: JsonMap = {"prompt": f"{{{{inputs.prompt{suffix}}}}}"}
    inputs: JsonMap = {f"prompt{suffix}": holder.prompt}
    if holder.system:
        raw["system"] = f"{{{{inputs.system{suffix}}}}}"
        inputs[f"system{suffix}"] = holder.system
    for key in ("max_tokens", "temperature", *(("model",) if same_vendor else ())):
        if getattr(holder, key) is not None:
            raw[key] = getattr(holder, key)
    options: JsonMap = getattr(holder, "claude_options", {})
    kept = {key: options[key] for key in (*_KEPT_OPTIONS, *(("model",) if same_vendor else ())) if key in options}
    if kept:
        raw["claude_options"] = {key: f"{{{{inputs.options{suffix}.{key}}}}}" for key in kept}
        inputs[f"options{suffix}"] = cast(JsonValue, kept)
    return raw, inputs
