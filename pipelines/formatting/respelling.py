"""The spelling of the mission's documents, step by step, into the canonical one. Comments stay with their keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

_BESIDE: Final = ("batch_size", "max_parallel", "timeout_per_task", "success_policy", "success_ratio")
_GIVEN: Final = ("test_data", "test_suite")


def respell(step: Any, where: str, changes: list[str]) -> None:
    """Changes `step` in place, and says each change. A key that is there in canonical form is never written over."""
    change = _BY_TYPE.get(str(step.get("type")))
    if change is not None:
        changes += [f"{where}: {each}" for each in change(step)]


def replace_key(step: Any, old: str, new: str, value: Any) -> None:
    """A new key at the place of the old one, with its comments."""
    place, comments = list(step).index(old), step.ca.items.pop(old, None)
    del step[old]
    step.insert(place, new, value)
    if comments is not None:
        step.ca.items[new] = comments


def _batch(step: Any) -> list[str]:
    said: list[str] = []
    if isinstance(step.get("prompts"), list) and "tasks" not in step:
        replace_key(step, "prompts", "tasks", [{"prompt": each} for each in step["prompts"]])
        said.append("`tasks` instead of `prompts`")
    tasks: Any = step.get("tasks")
    if isinstance(tasks, list) and _with_ids(cast("list[Any]", tasks)) and not said:
        said.append("tasks have an `id`")
    beside = [key for key in _BESIDE if key in step]
    config: Any = step.get("batch_config", {})
    if beside and isinstance(config, dict):
        merged: dict[str, Any] = {**cast("dict[str, Any]", config), **{key: step[key] for key in beside}}
        if "batch_config" in step:
            step["batch_config"] = merged
        else:
            replace_key(step, beside[0], "batch_config", merged)
        for key in beside:
            step.pop(key, None)
        said.append(f"{', '.join(f'`{key}`' for key in beside)} under `batch_config`")
    return said


def _with_ids(tasks: list[Any]) -> bool:
    """Whether one was without: a bare text, or under another name."""
    bare = [index for index, task in enumerate(tasks) if isinstance(task, str) or "id" not in task]
    for index in bare:
        task, name = tasks[index], f"task_{index}"
        named: dict[str, Any] = {"prompt": task} if isinstance(task, str) else task
        tasks[index] = {"id": named.pop("task_id", name), **named}
    return bool(bare)


def _parallel(step: Any) -> list[str]:
    short: Any = step.get("tasks")
    if not isinstance(short, list) or "parallel_tasks" in step:
        return []
    replace_key(step, "tasks", "parallel_tasks", [_parallel_task(each) for each in cast("list[Any]", short)])
    return ["`parallel_tasks` instead of `tasks`"]


def _parallel_task(task: Any) -> Any:
    if isinstance(task, str):
        return {"id": task, "prompt": task.replace("_", " ")}
    if isinstance(task, dict) and len(cast("dict[str, Any]", task)) == 1:
        ((name, body),) = cast("dict[str, Any]", task).items()
        if isinstance(body, dict):
            return {"id": name, **cast("dict[str, Any]", body)}
    return cast(Any, task)


def _executor(step: Any) -> list[str]:
    config: Any = step.get("config")
    if not isinstance(config, dict):
        return []
    said = _lifted(step, config, ("pipeline", "pipelines"))
    given = {key: cast(Any, config).pop(key) for key in _GIVEN if key in config}
    inputs: Any = step.get("inputs", {})
    if given and isinstance(inputs, dict):
        step["inputs"] = {**given, **inputs}
        said.append(f"{', '.join(f'`{key}`' for key in given)} under `inputs`")
    return _without_empty_config(step, said)


def _deployment(step: Any) -> list[str]:
    config: Any = step.get("config")
    if not isinstance(config, dict):
        return []
    return _without_empty_config(step, _lifted(step, config, ("pipeline", "deployment_strategy")))


def _lifted(step: Any, config: Any, keys: tuple[str, ...]) -> list[str]:
    lifted = [key for key in keys if key in config and key not in step]
    for key in lifted:
        step.insert(list(step).index("config"), key, config.pop(key))
    return [f"`{key}` stands in the step instead of its `config`" for key in lifted]


def _without_empty_config(step: Any, said: list[str]) -> list[str]:
    if said and not step["config"]:
        del step["config"]
    return said


_BY_TYPE: Final[dict[str, Callable[[Any], list[str]]]] = {
    "claude_batch": _batch,
    "parallel_claude": _parallel,
    "pipeline_executor": _executor,
    "parallel_pipeline_executor": _executor,
    "conditional_deploy": _deployment,
    "pipeline_deployer": _deployment,
}
