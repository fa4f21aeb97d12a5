"""The keys a map of the text may have, and the way from pydantic's places to the text's."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, JsonValue
from typing_extensions import TypeAliasType

from pipelines.language.diagnostics import Path
from pipelines.language.pipeline import Pipeline


def canonical_path(loc: Path, canonical: JsonValue) -> Path:
    """pydantic's location without the tags of unions: a path of the canonical map."""
    path: list[str | int] = []
    value: Any = canonical
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(value, Mapping):
            here = cast("Mapping[str, Any]", value)
            if part not in here and (part == here.get("type") or not last):
                continue
            value = here.get(cast(str, part))
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            if not isinstance(part, int) or part >= len(items):
                continue
            value = items[part]
        else:
            continue
        path.append(part)
    return tuple(path)


def text_path(path: Path, raw: JsonValue) -> Path:
    """A canonical path as the text has it: with the `workflow` key of inline pipelines that are written with it."""
    result: list[str | int] = []
    value: JsonValue = raw
    for part in path:
        if isinstance(value, dict) and part not in value and isinstance(value.get("workflow"), dict):
            result.append("workflow")
            value = value["workflow"]
        result.append(part)
        value = value_at(value, (part,))
    return tuple(result)


def allowed_keys(path: Path, raw: JsonValue) -> set[str]:
    """The keys that the map at `path` of the text may have."""
    models: list[type[BaseModel]] = [Pipeline]
    value = raw
    for part in path:
        value = value_at(value, (part,))
        if isinstance(part, int) or part == "workflow":
            models = _for_type(models, value)
            continue
        field = "prompt_parts" if part == "prompt" else part
        holders = [each for each in models if field in each.model_fields]
        for each in holders:
            each.model_rebuild()  # only a model that is built knows what it names in quotes
        annotations = [each.model_fields[field].annotation for each in holders]
        # A key of a plain map (the names of `inputs`) is no field: what the map holds stays the candidate.
        models = [each for annotation in annotations for each in _models(annotation)] or models
        models = _for_type(models, value)
    return {alias for model in models for alias in _names(model)} - {"prompt_parts"}


def _for_type(models: list[type[BaseModel]], value: JsonValue) -> list[type[BaseModel]]:
    kind = value.get("type") if isinstance(value, dict) else None
    chosen = [each for each in models if kind in get_args(getattr(each.model_fields.get("type"), "annotation", None))]
    return chosen or models


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        choices = getattr(info.validation_alias, "choices", None)
        yield str(choices[0]) if choices else name


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif isinstance(annotation, TypeAliasType):
        yield from _models(annotation.__value__)
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list, dict, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner)


def value_at(value: JsonValue, path: Path) -> JsonValue:
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value
