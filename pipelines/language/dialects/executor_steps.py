"""The mission's spelling of the steps that run and deploy pipelines: what they are given stands under `config`."""

from __future__ import annotations

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]


def read_executor(step: JsonMap) -> None:
    """What `config` holds beside limits goes to its place; `test_data` and `test_suite` are inputs of those names."""
    config = step.get("config")
    if not isinstance(config, dict):
        return
    config = dict(config)
    for key in ("pipeline", "pipelines"):
        if key in config and key not in step:
            step[key] = config.pop(key)
    given = {key: config.pop(key) for key in ("test_data", "test_suite") if key in config}
    inputs = step.get("inputs", {})
    if given and isinstance(inputs, dict):
        step["inputs"] = {**given, **inputs}
    step["config"] = {"max_depth": 3, "max_total_steps": 200, **config}


def read_deployment(step: JsonMap) -> None:
    """`config: {pipeline, deployment_strategy}` goes to its place; what else it holds stays, to be refused there."""
    config = step.get("config")
    if not isinstance(config, dict):
        return
    config = dict(config)
    for key in ("pipeline", "deployment_strategy"):
        if key in config and key not in step:
            step[key] = config.pop(key)
    if config:
        step["config"] = config
    else:
        del step["config"]
