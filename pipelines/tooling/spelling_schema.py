"""The mission's spelling in the JSON Schema: what its documents write instead of the canonical keys, and is read."""

from __future__ import annotations

from typing import Any

from .key_words import KEYS

Schema = dict[str, Any]


def add_spellings(models: dict[str, Schema]) -> None:
    """Widens `models` in place."""
    _batch(models)
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
    for key, value in models["BatchConfig"]["properties"].items():
        if key != "consolidate_results":
            properties.setdefault(key, value)
