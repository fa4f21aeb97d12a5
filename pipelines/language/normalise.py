"""Two dialects and many habits into one canonical map, which the schema then checks.

Key paths stay what they are in the text wherever possible, so that a finding about the canonical map can still be
shown at its place: `prompt: [parts]` becomes `prompt_parts` beside the text made from them, nothing else moves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]

# The environment's mode among the defaults, under a name that no default has.
_MODE: Final = "environment.mode"
_CLAUDE: Final = frozenset({"claude", "claude_smart", "claude_extract"})
_NULL_MEANS_SOMETHING: Final = frozenset({"content", "value", "default"})
_INPUT_TYPES: Final = {
    "any": "any", "string": "string", "str": "string", "text": "string", "integer": "integer", "int": "integer",
    "number": "number", "float": "number", "boolean": "boolean", "bool": "boolean", "list": "list",
    "array": "list", "map": "map", "object": "map", "dict": "map",
}  # fmt: skip


def canonical_pipeline(raw: JsonMap, fallback_name: str | None = None) -> JsonMap:
    """The canonical map of a pipeline whose `workflow:` wrapper is already off."""
    result: JsonMap = {key: value for key, value in raw.items() if value is not None}
    for key in ("name", "description", "version"):
        if isinstance(result.get(key), int | float) and not isinstance(result.get(key), bool):
            result[key] = str(result[key])
    if fallback_name is not None:
        result.setdefault("name", fallback_name)
    if "inputs" in result:
        result["inputs"] = _inputs(result["inputs"])
    defaults = result.get("defaults")
    environment = result.get("environment")
    habits = dict(defaults) if isinstance(defaults, dict) else {}
    if isinstance(environment, dict):
        habits[_MODE] = environment.get("mode")
    steps = result.get("steps")
    if isinstance(steps, list):
        result["steps"] = [_step(each, habits) for each in steps]
    return result


def unwrap_workflow(raw: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    """The pipeline's map and the path to it: `("workflow",)` for the wrapped dialect."""
    if isinstance(raw, dict) and isinstance(raw.get("workflow"), dict) and "steps" not in raw:
        return raw["workflow"], ("workflow",)
    return raw, ()


def _inputs(declared: JsonValue) -> JsonValue:
    if isinstance(declared, list) and all(isinstance(each, str) for each in declared):
        return {cast(str, each): {} for each in declared}
    if not isinstance(declared, dict):
        return declared
    return {name: _input(spec) for name, spec in declared.items()}


def _input(spec: JsonValue) -> JsonValue:
    if spec is None:
        return {}
    if isinstance(spec, dict):
        kind = spec.get("type")
        return {**spec, "type": _INPUT_TYPES.get(kind, kind)} if isinstance(kind, str) else spec
    if isinstance(spec, str) and spec in _INPUT_TYPES:
        return {"type": _INPUT_TYPES[spec]}
    return {"default": spec}


def _step(raw: JsonValue, defaults: Mapping[str, JsonValue]) -> JsonValue:
    if not isinstance(raw, dict):
        return raw
    step = {key: value for key, value in raw.items() if value is not None or key in _NULL_MEANS_SOMETHING}
    kind = step.get("type")
    _common_habits(step)
    _prompt(step)
    if kind in _CLAUDE:
        _claude_defaults(step, defaults)
    if kind in {"claude_smart", "claude_extract"}:
        mode = defaults.get(_MODE) if step.get("environment_aware") is True else None
        preset = defaults.get("claude_preset") or mode
        if preset:
            step.setdefault("preset", preset)
    if kind == "gemini":
        for key in ("model", "token_budget"):
            if f"gemini_{key}" in defaults:
                step.setdefault(key, defaults[f"gemini_{key}"])
    if kind == "parallel_claude":
        _tasks(step, defaults)
    if kind == "for_loop" and isinstance(step.get("steps"), list):
        step["steps"] = [_step(each, defaults) for each in cast("list[JsonValue]", step["steps"])]
    if kind == "pipeline" and isinstance(step.get("pipeline"), dict):
        inner, _ = unwrap_workflow(step["pipeline"])
        name = step.get("name")
        step["pipeline"] = canonical_pipeline(cast(JsonMap, inner), name if isinstance(name, str) else "inline")
    return step


def _common_habits(step: JsonMap) -> None:
    for key, factor in (("timeout_seconds", 1.0), ("timeout_ms", 0.001)):
        seconds = step.get(key)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and "timeout_s" not in step:
            step["timeout_s"] = seconds * factor
            del step[key]
    if isinstance(step.get("continue_on_error"), bool) and step.pop("continue_on_error"):
        step.setdefault("on_error", "continue")
    attempts = step.get("retry")
    if isinstance(attempts, int) and not isinstance(attempts, bool):
        step["retry"] = {"max_attempts": attempts}
    if isinstance(step.get("depends_on"), str):
        step["depends_on"] = [step["depends_on"]]


def _prompt(step: JsonMap) -> None:
    parts = step.get("prompt")
    if isinstance(parts, list):
        step["prompt_parts"] = parts
        step["prompt"] = prompt_text(parts)


def prompt_text(parts: list[JsonValue]) -> str:
    """The template text of prompt parts, joined with one newline (spec section 4). Odd parts are left out."""
    texts: list[str] = []
    for part in parts:
        if not isinstance(part, dict):
            continue
        match part:
            case {"type": "static", "content": str(content)}:
                texts.append(content)
            case {"type": "file", "path": str(path)}:
                texts.append(f"{{{{ file({_literal(path)}) }}}}")
            case {"type": "previous_response", "step": str(step)}:
                extract = part.get("extract")
                path = _literal(extract if isinstance(extract, str) else "")
                strict = "false" if part.get("strict") is False else "true"
                texts.append(f"{{{{ previous_response({_literal(step)}, {path}, {strict}) }}}}")
            case _:
                pass
    return "\n".join(texts)


def _literal(text: str) -> str:
    # A brace pair inside the literal would end the expression early.
    return json.dumps(text, ensure_ascii=False).replace("}", "\\u007d").replace("{", "\\u007b")


def _claude_defaults(step: JsonMap, defaults: Mapping[str, JsonValue]) -> None:
    options = defaults.get("claude_options")
    own = step.get("claude_options", {})
    merged = {**options, **own} if isinstance(options, dict) and isinstance(own, dict) else own
    output_format = defaults.get("claude_output_format")
    if output_format is not None and isinstance(merged, dict) and "output_format" not in merged:
        merged = {**merged, "output_format": output_format}
    if merged:
        step["claude_options"] = merged


def _tasks(step: JsonMap, defaults: Mapping[str, JsonValue]) -> None:
    tasks = step.get("parallel_tasks")
    short = step.get("tasks")
    if tasks is None and isinstance(short, list):
        tasks = [_mission_task(each) for each in short]
        del step["tasks"]
    if isinstance(tasks, list):
        step["parallel_tasks"] = [_task(each, defaults) for each in tasks]


def _mission_task(task: JsonValue) -> JsonValue:
    """The mission's documents write a task as a bare name or as `{name: {prompt: ...}}`."""
    if isinstance(task, str):
        return {"id": task, "prompt": task.replace("_", " ")}
    if isinstance(task, dict) and len(task) == 1:
        ((name, body),) = task.items()
        if isinstance(body, dict):
            return {"id": name, **body}
    return task


def _task(task: JsonValue, defaults: Mapping[str, JsonValue]) -> JsonValue:
    if not isinstance(task, dict):
        return task
    result: dict[str, Any] = {key: value for key, value in task.items() if value is not None}
    _prompt(result)
    _claude_defaults(result, defaults)
    return result
