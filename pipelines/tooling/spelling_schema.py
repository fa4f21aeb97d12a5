"""The mission's spelling in the JSON Schema: what its documents write instead of the canonical keys, and is read."""

from __future__ import annotations

from typing import Any

from .key_words import KEYS

Schema = dict[str, Any]


def add_spellings(models: dict[str, Schema]) -> None:
    """Widens `models` in place."""
    _batch(models)
    _switch(models)
    for name in ("PipelineExecutorStep", "ParallelPipelineExecutorStep"):
        data = "pipeline" if name == "PipelineExecutorStep" else "pipelines"
        step = models[name]
        limits: Schema = step["properties"]["config"]
        own = {data: _any(data), "test_data": _any("test_data"), "test_suite": _any("test_suite")}
        step["properties"]["config"] = {
            "description": limits.get("description", ""),
            "type": "object",
            "properties": {**models["NestingConfig"]["properties"], **own},
            "additionalProperties": False,
        }
        _either(step, data)
    for name in ("ConditionalDeployStep", "PipelineDeployerStep"):
        step = models[name]
        own = {key: step["properties"][key] for key in ("pipeline", "deployment_strategy")}
        step["properties"]["config"] = {
            "description": "The mission's place of `pipeline` and `deployment_strategy`.",
            "type": "object",
            "properties": own,
            "additionalProperties": False,
        }


def _any(key: str) -> Schema:
    return {"description": KEYS[key]}


def _either(step: Schema, key: str) -> None:
    """The key is required in the step or in its `config`."""
    step["required"] = [each for each in step["required"] if each != key]
    inside: Schema = {"required": ["config"], "properties": {"config": {"required": [key]}}}
    step["anyOf"] = [{"required": [key]}, inside]


def _batch(models: dict[str, Schema]) -> None:
    task = models["BatchTask"]
    task["properties"]["task_id"] = {"type": "string", "description": "The same as `id`."}
    task["required"] = [each for each in task.get("required", []) if each != "id"]
    properties: Schema = models["ClaudeBatchStep"]["properties"]
    tasks: Schema = properties["tasks"]
    properties["tasks"] = {**tasks, "items": {"anyOf": [tasks["items"], {"type": "string"}]}}
    properties["prompts"] = {"type": "array", "items": {"type": "string"}, "description": KEYS["prompts"]}
    config: Schema = models["BatchConfig"]["properties"]
    ratio: Schema = {"type": "number", "minimum": 0, "maximum": 1, "description": "The ratio itself."}
    policy: Schema = config["success_policy"]
    config["success_policy"] = {"description": policy.get("description", ""), "anyOf": [policy, ratio]}
    for key, value in config.items():
        if key != "consolidate_results":
            properties.setdefault(key, value)


def _switch(models: dict[str, Schema]) -> None:
    properties: Schema = models["SwitchStep"]["properties"]
    cases: Schema = properties["cases"]
    by_value: Schema = {
        "description": "From values to steps.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": models["SwitchCase"]["properties"]["steps"],
    }
    properties["cases"] = {"description": cases.get("description", ""), "anyOf": [cases, by_value]}
