"""The spellings of `claude_batch` and `claude_robust` that become the canonical one."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from pipelines.language.dialects.spellings import scaled
from pipelines.language.prompts import read_prompt

JsonMap = dict[str, JsonValue]

_OF_THE_BATCH: Final = ("batch_size", "max_parallel", "timeout_per_task", "success_policy", "success_ratio")


def read_robust(step: JsonMap) -> None:
    """The retries of `retry_config` (or of the one among the options) are the step's own."""
    options = step.get("claude_options")
    if isinstance(options, dict) and "retry_config" in options:
        step["claude_options"] = {key: value for key, value in options.items() if key != "retry_config"}
    config = step.get("retry_config")
    if not isinstance(config, dict):
        return
    if config.get("fallback_action") == "cached_response":
        config = {**config, "fallback_action": "use_cached_response"}
    config = step["retry_config"] = {key: value for key, value in config.items() if value is not None}
    retry: JsonMap = {"max_attempts": 4, "base_delay_s": 1.0}
    most = config.get("max_retries")
    if isinstance(most, int) and not isinstance(most, bool):
        retry["max_attempts"] = most + 1
    for key, own, factor in (
        ("base_delay_ms", "base_delay_s", 0.001),
        ("max_delay_ms", "max_delay_s", 0.001),
        ("jitter", "jitter", 1),
    ):
        value = config.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            retry[own] = scaled(value, factor)
    if config.get("backoff_strategy") in ("exponential", "linear", "fixed"):
        retry["backoff"] = config["backoff_strategy"]
    step.setdefault("retry", retry)


def read_batch(step: JsonMap, *, lenient: bool = False) -> None:
    """`prompts` are tasks, `task_id` is an `id`, a number as policy is a ratio; settings may stand beside
    `batch_config`. `lenient`: a batch that states no policy never fails."""
    prompts = step.get("prompts")
    if isinstance(prompts, list) and "tasks" not in step:
        del step["prompts"]
        step["tasks"] = [{"prompt": each} for each in prompts]
    tasks = step.get("tasks")
    if isinstance(tasks, list):
        step["tasks"] = [_batch_task(each, number) for number, each in enumerate(tasks)]
    beside = {key: step.pop(key) for key in _OF_THE_BATCH if key in step}
    config = step.get("batch_config", {})
    if isinstance(config, dict) and (beside or config or lenient):
        config = {**config, **beside}
        if lenient:
            config.setdefault("success_policy", "none")
        policy = config.get("success_policy")
        if isinstance(policy, int | float) and not isinstance(policy, bool):
            config |= {"success_policy": "ratio", "success_ratio": policy}
        step["batch_config"] = config


def _batch_task(raw: JsonValue, number: int) -> JsonValue:
    if isinstance(raw, str):
        raw = {"prompt": raw}
    if not isinstance(raw, dict):
        return raw
    task: JsonMap = {("id" if key == "task_id" else key): value for key, value in raw.items() if value is not None}
    task.setdefault("id", f"task_{number}")
    read_prompt(task)
    return task
