"""Two dialects and many habits into one canonical map, which the schema then checks.

Key paths stay what they are in the text wherever possible, so that a finding about the canonical map can still be
shown at its place: `prompt: [parts]` becomes `prompt_parts` beside the text made from them, nothing else moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.language.dialects.claude_steps import read_batch, read_robust
from pipelines.language.dialects.executor_steps import read_deployment, read_executor
from pipelines.language.dialects.source_spellings import by_result_name
from pipelines.language.dialects.spellings import respell, scaled
from pipelines.language.dialects.waiting_steps import read_waiting
from pipelines.language.prompts import read_prompt

JsonMap = dict[str, JsonValue]

# The environment's mode among the defaults, under a name that no default has.
_MODE: Final = "environment.mode"
# The pipeline's functions among the defaults, under a name that no default has.
_FUNCTIONS: Final = "gemini.functions"
# What follows a failure of steps that do not say, likewise.
_ON_ERROR: Final = "pipeline.on_error"
# Whether unresolved names are kept, likewise.
_UNRESOLVED: Final = "unresolved.names"
_GEMINI: Final = frozenset({"gemini", "gemini_instructor"})
_WITH_PRESET: Final = frozenset({"claude_smart", "claude_extract", "claude_session", "claude_batch", "claude_robust"})
_CLAUDE: Final = _WITH_PRESET | {"claude"}
_ASKING: Final = _CLAUDE | _GEMINI | {"parallel_claude"}
_NULL_MEANS_SOMETHING: Final = frozenset({"content", "value", "default"})
_INPUT_TYPES: Final = {
    "any": "any", "string": "string", "str": "string", "text": "string", "integer": "integer", "int": "integer",
    "number": "number", "float": "number", "boolean": "boolean", "bool": "boolean", "list": "list",
    "array": "list", "map": "map", "object": "map", "dict": "map",
}  # fmt: skip


def canonical_pipeline(raw: JsonMap, fallback_name: str | None = None, unresolved: JsonValue = None) -> JsonMap:
    """The canonical map of a pipeline whose `workflow:` wrapper is already off.

    `unresolved` is what becomes of names that lead nowhere, unless the pipeline says so itself.
    """
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
    if unresolved is not None:
        result.setdefault("unresolved_names", unresolved)
    habits[_UNRESOLVED] = result.get("unresolved_names")
    habits[_FUNCTIONS] = result.get("gemini_functions")
    on_error = result.get("on_error")
    if isinstance(on_error, dict) and on_error.keys() == {"action"}:
        result["on_error"] = on_error = on_error["action"]
    habits[_ON_ERROR] = on_error
    steps = result.get("steps")
    if isinstance(steps, list):
        if result.get("unresolved_names") == "keep":
            steps = by_result_name(steps)
        result["steps"] = [_step(each, habits) for each in steps]
    _steps_under(result, "finally", habits)
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
    written = step.get("type")
    kind = written if isinstance(written, str) else None
    _common_habits(step)
    respell(step, defaults, lenient=defaults.get(_UNRESOLVED) == "keep", on_error=defaults.get(_ON_ERROR))
    read_prompt(step)
    if kind in _CLAUDE:
        _claude_defaults(step, defaults)
    if kind in _ASKING and isinstance(common := defaults.get("context"), dict):
        own = step.get("context", {})
        step["context"] = {**common, **own} if isinstance(own, dict) else own
    if kind in _WITH_PRESET:
        mode = defaults.get(_MODE) if step.get("environment_aware") is True else None
        preset = defaults.get("claude_preset") or mode
        if preset:
            step.setdefault("preset", preset)
    if kind in _GEMINI:
        for key in ("model", "token_budget"):
            if f"gemini_{key}" in defaults:
                step.setdefault(key, defaults[f"gemini_{key}"])
        for key in ("functions", "tools"):
            named = step.get(key)
            if isinstance(named, list):
                step[key] = [_function(each, defaults) for each in named]
    if kind == "claude_robust":
        read_robust(step)
    if kind == "claude_batch":
        read_batch(step, lenient=defaults.get(_UNRESOLVED) == "keep")
    if kind == "parallel_claude":
        _tasks(step, defaults)
    if step.get("on_error") == "fail":
        step.setdefault("retry", {"max_attempts": 1})
    if kind in {"for_loop", "while_loop"}:
        _steps_under(step, "steps", defaults)
    if kind == "switch":
        _switch(step, defaults)
    if kind in {"approval", "wait"}:
        read_waiting(step)
    if kind in {"pipeline_executor", "parallel_pipeline_executor"}:
        read_executor(step)
    if kind in {"conditional_deploy", "pipeline_deployer"}:
        read_deployment(step)
    if kind == "pipeline" and isinstance(step.get("pipeline"), dict):
        inner, _ = unwrap_workflow(step["pipeline"])
        name = step.get("name")
        step["pipeline"] = canonical_pipeline(
            cast(JsonMap, inner), name if isinstance(name, str) else "inline", defaults.get(_UNRESOLVED)
        )
    return step


def _steps_under(holder: JsonMap, key: str, defaults: Mapping[str, JsonValue]) -> None:
    """A list of steps, or one step standing for a list of one."""
    steps = holder.get(key)
    if isinstance(steps, dict) and "type" in steps:
        steps = [steps]
    if isinstance(steps, list):
        holder[key] = [_step(each, defaults) for each in steps]


def _switch(step: JsonMap, defaults: Mapping[str, JsonValue]) -> None:
    """`expression: a.b` means `value: "{{ a.b }}"`; cases as a map of value to steps become a list."""
    expression = step.pop("expression", None) if "value" not in step else None
    if isinstance(expression, str):
        step["value"] = expression if "{{" in expression else f"{{{{ {expression} }}}}"
    cases = step.get("cases")
    if isinstance(cases, dict):
        cases = [{"when": when, "steps": steps} for when, steps in cases.items()]
    if isinstance(cases, list):
        step["cases"] = [_case(each, defaults) for each in cases]
    _steps_under(step, "default", defaults)


def _case(raw: JsonValue, defaults: Mapping[str, JsonValue]) -> JsonValue:
    if not isinstance(raw, dict):
        return raw
    case = {key: value for key, value in raw.items() if value is not None or key == "when"}
    _steps_under(case, "steps", defaults)
    return case


def _function(raw: JsonValue, defaults: Mapping[str, JsonValue]) -> JsonValue:
    """A function of a step: a name that the pipeline declares becomes its declaration, so that what the declaration
    refers to is what the step refers to."""
    declared = defaults.get(_FUNCTIONS)
    if isinstance(raw, str) and isinstance(declared, dict) and raw in declared:
        body = declared[raw]
        raw = {"name": raw, **body} if isinstance(body, dict) else {"name": raw}
    if not isinstance(raw, dict):
        return raw
    function = {key: value for key, value in raw.items() if value is not None or key == "returns"}
    step = function.get("step")
    if isinstance(step, dict):
        function["step"] = _step({"name": function.get("name"), **step}, defaults)
    return function


def _common_habits(step: JsonMap) -> None:
    for key, factor in (("timeout_seconds", 1.0), ("timeout_ms", 0.001)):
        seconds = step.get(key)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool) and "timeout_s" not in step:
            step["timeout_s"] = scaled(seconds, factor)
            del step[key]
    if isinstance(step.get("continue_on_error"), bool) and step.pop("continue_on_error"):
        step.setdefault("on_error", "continue")
    attempts = step.get("retry")
    if isinstance(attempts, int) and not isinstance(attempts, bool):
        step["retry"] = {"max_attempts": attempts}
    if isinstance(step.get("depends_on"), str):
        step["depends_on"] = [step["depends_on"]]


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
    read_prompt(result)
    _claude_defaults(result, defaults)
    return result
