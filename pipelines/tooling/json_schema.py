"""The JSON Schema of what people write: the canonical models, widened by the short forms and the dialect that are read.

It serves editors. It says "no" only where the loader does, but the loader knows more (names, cycles, templates), so
`evopipe validate` has the last word. Steps are told apart by `if type: ... then ...` instead of `oneOf`: an editor then
complains about the wrong key and not about all step types at once.
"""

from __future__ import annotations

from typing import Any, Final

from pipelines.language import STEP_CLASSES, Pipeline

from .key_words import KEYS, MODELS
from .spelling_schema import add_spellings
from .waiting import add_waiting

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_TEXT_OR_NUMBER: Final = {"type": ["string", "number"]}
_INPUT_TYPES: Final = ("any", "string", "str", "text", "integer", "int", "number", "float", "boolean", "bool", "list",
                       "array", "map", "object", "dict")  # fmt: skip


def pipeline_schema() -> Schema:
    """The schema as a new map, ready for `json.dumps`."""
    schema = Pipeline.model_json_schema(by_alias=True, mode="validation")
    models: dict[str, Schema] = {name: dict(each) for name, each in schema.pop("$defs").items()}
    models.setdefault("Pipeline", {key: value for key, value in schema.items() if key != "$ref"})
    for name, model in models.items():
        _describe(name, model)
    steps = {kind: cls.__name__ for kind, cls in STEP_CLASSES.items() if cls.__name__ in models}
    for name in steps.values():
        _step_habits(models[name])
    _prompt_habits(models)
    add_spellings(models)
    add_waiting(models)
    models["Step"] = _step(steps, models)
    _point_at_step(models)
    _pipeline_habits(models)
    return {
        "$schema": DIALECT,
        "$id": "https://evopipe.invalid/pipeline.schema.json",
        "title": "evopipe pipeline",
        **_wrapped("Pipeline"),
        "$defs": models,
    }


def _wrapped(model: str) -> Schema:
    """The bare dialect, or `workflow:` around it."""
    wrapper: Schema = {
        "properties": {"workflow": _ref(model, "The dialect of pipeline_ex: everything stands below `workflow`.")},
        "additionalProperties": False,
    }
    return {"type": "object", "if": {"required": ["workflow"]}, "then": wrapper, "else": _ref(model)}


def _ref(model: str, description: str = "") -> Schema:
    return {"$ref": f"#/$defs/{model}", **({"description": description} if description else {})}


def _step(steps: dict[str, str], models: dict[str, Schema]) -> Schema:
    words = [_first_sentence(models[name].get("description", "")) for name in steps.values()]
    chosen: list[Schema] = [
        {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": _ref(name)}
        for kind, name in steps.items()
    ]
    return {
        "type": "object",
        "description": "One step. Its `type` decides which other keys it takes.",
        "required": ["name", "type"],
        "properties": {
            "name": {"type": "string", "description": KEYS["name"]},
            "type": {"enum": list(steps), "enumDescriptions": words, "description": KEYS["type"]},
        },
        "allOf": chosen,
    }


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].rstrip(".")


def _describe(name: str, model: Schema) -> None:
    model.pop("title", None)
    if name in MODELS:
        model["description"] = MODELS[name]
    for key, value in model.get("properties", {}).items():
        value.pop("title", None)
        words = KEYS.get(f"{name}.{key}") or KEYS.get(key)
        if words and "const" not in value:
            value["description"] = words
        if value.get("const") is not None:
            value["description"] = model.get("description", words or "")


def _step_habits(step: Schema) -> None:
    properties: Schema = step["properties"]
    properties["depends_on"] = _also(properties["depends_on"], {"type": "string"})
    properties["retry"] = _also(properties["retry"], {"type": "integer", "minimum": 1})
    for key in ("timeout_seconds", "timeout_ms"):
        properties.setdefault(key, {"type": "number", "exclusiveMinimum": 0, "description": KEYS[key]})
    properties["continue_on_error"] = {"type": "boolean", "description": KEYS["continue_on_error"]}


def _prompt_habits(models: dict[str, Schema]) -> None:
    for model in models.values():
        properties: Schema = model.get("properties", {})
        parts = properties.pop("prompt_parts", None)
        if parts is not None:
            several = {"type": "array", "items": parts["items"]}
            properties["prompt"] = {**_also(properties["prompt"], several), "description": KEYS["prompt"]}
        if "schema" in properties:
            properties["output_schema"] = {**properties["schema"], "description": "Another name of `schema`."}
    parallel = models["ParallelClaudeStep"]
    short = [{"type": "string"}, {"type": "object"}]
    parallel["properties"]["tasks"] = {"type": "array", "items": {"anyOf": short}, "description": KEYS["tasks"]}
    parallel["required"] = [key for key in parallel["required"] if key != "parallel_tasks"]
    parallel["anyOf"] = [{"required": ["parallel_tasks"]}, {"required": ["tasks"]}]


def _also(schema: Schema, other: Schema) -> Schema:
    description = schema.get("description", "")
    rest = {key: value for key, value in schema.items() if key not in {"description", "default"}}
    kept = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [rest, other], "description": description, **kept}


def _point_at_step(models: dict[str, Schema]) -> None:
    """Every list of steps refers to `Step` instead of repeating pydantic's union."""
    waiting: list[Any] = [model for name, model in models.items() if name != "Step"]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            mapping = each.get("discriminator", {}).get("mapping", {})  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
            if set(STEP_CLASSES) <= set(mapping):  # pyright: ignore[reportUnknownArgumentType]
                each.clear()  # pyright: ignore[reportUnknownMemberType]
                each["$ref"] = "#/$defs/Step"
            else:
                each.pop("discriminator", None)  # pyright: ignore[reportUnknownMemberType] - OpenAPI's word, not JSON Schema's
                waiting.extend(each.values())  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        elif isinstance(each, list):
            waiting.extend(each)  # pyright: ignore[reportUnknownArgumentType]


def _pipeline_habits(models: dict[str, Schema]) -> None:
    pipeline = models["Pipeline"]
    properties: Schema = pipeline["properties"]
    for key in ("name", "description", "version"):
        properties[key] = {**properties[key], **_TEXT_OR_NUMBER}
    spec = models["InputSpec"]
    spec["properties"]["type"] = {**spec["properties"]["type"], "enum": list(_INPUT_TYPES)}
    short: Schema = {"description": "A default, or the name of a type, or a declaration."}
    properties["inputs"] = {
        "description": KEYS["Pipeline.inputs"],
        "if": {"type": "array"},
        "then": {"items": {"type": "string"}},
        "else": {
            "type": "object",
            "additionalProperties": {**short, "if": {"type": "object"}, "then": _ref("InputSpec")},
        },
    }
    inline = {**pipeline, "required": [key for key in pipeline["required"] if key != "name"]}
    models["InlinePipeline"] = {**inline, "description": MODELS["InlinePipeline"]}
    models["PipelineStep"]["properties"]["pipeline"] = {
        "description": KEYS["pipeline"],
        **_wrapped("InlinePipeline"),
    }
