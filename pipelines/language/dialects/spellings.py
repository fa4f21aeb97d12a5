"""Other people's spellings of what the language has: keys of pipeline_ex's documents that get their meaning here.

Each rule changes one step's map in place, before the schema sees it, and never over a key that says it our way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]

_ASKING: Final = frozenset(
    {
        "claude", "claude_smart", "claude_extract", "claude_session", "claude_robust", "claude_batch", "gemini",
        "gemini_instructor",
    }
)  # fmt: skip
_ON_ERROR: Final = {
    "continue": "continue", "skip": "skip", "fail": "fail", "stop": "fail", "fallback": "fallback", "retry": "retry",
}  # fmt: skip
_SCOPES: Final = frozenset({"global", "session", "loop"})


def respell(step: JsonMap, defaults: Mapping[str, JsonValue], *, lenient: bool, on_error: JsonValue = None) -> None:
    """Applies every rule to `step`. `lenient`: what pipeline_ex lets pass with a meaning of its own passes, too.
    `on_error` is what its pipeline says for steps that do not."""
    kind = step.get("type")
    if isinstance(kind, str) and kind in _ASKING:
        _options(step, kind)
        _config(step)
    _failure(step, defaults, lenient=lenient, of_pipeline=on_error)
    if kind == "set_variable" and lenient and isinstance(scope := step.get("scope"), str) and scope not in _SCOPES:
        step["scope"] = "global"
    if kind == "set_variable" and "variables" not in step and isinstance(variable := step.get("variable"), str):
        del step["variable"]
        step["variables"] = {variable: step.pop("value", None)}
    if kind == "data_transform":
        _operations(step)


def _options(step: JsonMap, kind: str) -> None:
    """`options` beside a prompt means `claude_options`."""
    if kind.startswith("claude") and isinstance(step.get("options"), dict) and "claude_options" not in step:
        step["claude_options"] = step.pop("options")


def _config(step: JsonMap) -> None:
    """`config: {model, max_tokens, temperature, generation_config}`, as the generator of pipelines writes it."""
    config = step.get("config")
    if not isinstance(config, dict):
        return
    generation = config.get("generation_config")
    flat = {key: value for key, value in config.items() if key != "generation_config"}
    if isinstance(generation, dict):
        flat |= generation
    if "max_output_tokens" in flat:
        flat.setdefault("max_tokens", flat.pop("max_output_tokens"))
    if flat.keys() <= {"model", "max_tokens", "temperature"}:
        del step["config"]
        for key, value in flat.items():
            step.setdefault(key, value)


def _failure(step: JsonMap, defaults: Mapping[str, JsonValue], *, lenient: bool, of_pipeline: JsonValue) -> None:
    """Retries and what follows them: `on_error: {action}`, `retry_on_error`, `max_retries`, and their defaults."""
    on_error = step.get("on_error")
    action = on_error.get("action") if isinstance(on_error, dict) and on_error.keys() == {"action"} else on_error
    if isinstance(action, str) and action in _ON_ERROR:
        # pipeline_ex's documents say "skip" of steps that others go on without.
        step["on_error"] = "continue" if lenient and action == "skip" else _ON_ERROR[action]
    if isinstance(of_pipeline, str) and of_pipeline in _ON_ERROR:
        step.setdefault("on_error", _ON_ERROR[of_pipeline])
    for key in ("timeout_seconds", "timeout_s"):
        seconds = defaults.get(key)
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            step.setdefault("timeout_s", seconds)
    if defaults.get("continue_on_error") is True:
        step.setdefault("on_error", "continue")
    own = step.pop("retry_on_error") if isinstance(step.get("retry_on_error"), bool) else None
    again = defaults.get("retry_on_error") if own is None else own
    most = step.get("max_retries")
    if isinstance(most, int) and not isinstance(most, bool) and most >= 0:
        del step["max_retries"]
        step.setdefault("retry", {"max_attempts": most + 1})
    _retry_of_options(step)
    if again is False:
        step.setdefault("retry", {"max_attempts": 1})


def _retry_of_options(step: JsonMap) -> None:
    """`claude_options.retry_config`: retries of pipeline_ex's provider are the step's own here. The key stays: presets
    merge with it."""
    options = step.get("claude_options")
    config = options.get("retry_config") if isinstance(options, dict) else None
    if step.get("type") in ("claude_robust", "claude_batch") or "retry" in step:
        return  # these have rules of their own
    if not isinstance(config, dict):
        return
    most, delay, backoff = (config.get(key) for key in ("max_retries", "base_delay_ms", "backoff_strategy"))
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        return
    retry: JsonMap = {"max_attempts": most + 1}
    if isinstance(delay, int | float) and not isinstance(delay, bool):
        retry["base_delay_s"] = scaled(delay, 0.001)
    if backoff in ("exponential", "linear", "fixed"):
        retry["backoff"] = backoff
    step["retry"] = retry


def _operations(step: JsonMap) -> None:
    """`by` of a sort or group_by means its `field`; one operation may stand without the list."""
    operations = step.get("operations")
    if isinstance(operations, dict):
        operations = [operations]
    if isinstance(operations, list):
        step["operations"] = [_operation(each) for each in operations]


def _operation(operation: JsonValue) -> JsonValue:
    if not isinstance(operation, dict) or "field" in operation or "by" not in operation:
        return operation
    if operation.get("operation") not in ("sort", "group_by"):
        return operation
    return {("field" if key == "by" else key): value for key, value in operation.items()}


def scaled(number: int | float, factor: float) -> int | float:
    """`number` times `factor`; one that no float can hold stays as it is, for the schema to refuse."""
    try:
        return number * factor
    except OverflowError:
        return number
