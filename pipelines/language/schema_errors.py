"""What pydantic found wrong, in the words of a person who writes YAML."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel, JsonValue

from .diagnostics import Path, clip, nearest
from .pipeline import Pipeline
from .steps import STEP_CLASSES, UNSUPPORTED_TYPES
from .yaml_source import Document

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}


def report_schema_errors(
    errors: list[Any], raw: JsonValue, canonical: JsonValue, prefix: Path, document: Document
) -> None:
    """Adds one finding for each of pydantic's `errors` (from `ValidationError.errors()`)."""
    seen: set[tuple[Path, str]] = set()
    for error in errors:
        if document.full:
            document.left_out += 1
            continue
        path = _text_path(tuple(error["loc"]), canonical, raw)
        kind = str(error["type"])
        if kind in {"too_short", "missing"} and _is_echo(kind, path, raw):
            continue
        if (path, kind) in seen:
            continue
        seen.add((path, kind))
        message, expected, fix = _sentence(error, kind, path, raw)
        if kind == "union_tag_invalid":
            path = (*path, "type")
        code = "unsupported" if "not supported yet" in message else kind
        document.report(code, prefix + path, message, expected, fix)


def _is_echo(kind: str, path: Path, raw: JsonValue) -> bool:
    """pydantic counts only the items that held, and so calls a list of broken steps too short."""
    value = _at(raw, path)
    return kind == "too_short" and isinstance(value, list) and len(value) > 0


def _text_path(loc: Path, canonical: JsonValue, raw: JsonValue) -> Path:
    """pydantic's location as the text has it."""
    path = canonical_path(loc, canonical)
    return text_path(tuple("prompt" if part == "prompt_parts" else part for part in path), raw)


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
        value = _at(value, (part,))
    return tuple(result)


def _sentence(error: Any, kind: str, path: Path, raw: JsonValue) -> tuple[str, str, str]:
    name = str(path[-1]) if path else ""
    parent = _at(raw, path[:-1])
    match kind:
        case "extra_forbidden":
            allowed = sorted(allowed_keys(path[:-1], raw))
            match = nearest(name, allowed)
            fix = f"write '{match}'" if match else "remove it"
            return f"unknown key '{clip(name, 80)}'", f"one of: {', '.join(allowed)}" if allowed else "", fix
        case "missing":
            return _missing(name, path, parent)
        case "union_tag_invalid" | "union_tag_not_found":
            return _tag(path, raw)
        case "literal_error":
            expected = str(error.get("ctx", {}).get("expected", ""))
            match = nearest(
                str(error["input"]), [each.strip("' ") for each in expected.replace(" or ", ",").split(",")]
            )
            return f"'{error['input']}' is not allowed here", expected, f"write '{match}'" if match else ""
        case "string_pattern_mismatch":
            return (
                f"the name {_short(error['input'])} cannot be used",
                "letters, digits, _ and -, not beginning with a digit",
                "rename it",
            )
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, "), "", ""
        case "too_short":
            return f"'{name}' is empty", "at least one entry", f"add an entry under '{name}'"
        case "too_long" | "string_too_long":
            most = error.get("ctx", {}).get("max_length")
            unit = "characters" if kind == "string_too_long" else "entries"
            fix = "shorten it" if unit == "characters" else "split it, e.g. into pipelines that call each other"
            return f"'{clip(name, 80)}' is too long", f"at most {most} {unit}", fix
        case "string_too_short":
            return f"'{name}' is empty", "text", f"give '{name}' a value"
        case _:
            expected = _EXPECTED.get(kind, "")
            message = f"got {_short(error['input'])}" if expected else str(error["msg"])
            return message, expected, f"write {expected}" if expected else _bound_fix(kind)


_LOOP_NEEDS = {"data_source": "For loop requires 'data_source' field", "steps": "Loop requires 'steps' field"}


def _missing(name: str, path: Path, parent: JsonValue) -> tuple[str, str, str]:
    if isinstance(parent, dict) and parent.get("type") in {"for_loop", "while_loop"} and name in _LOOP_NEEDS:
        return _LOOP_NEEDS[name], f"a value for '{name}'", f"add `{name}:`"
    if isinstance(parent, dict) and len(path) > 1:
        owner = f"Step '{parent.get('name', '?')}' of type '{parent.get('type', '?')}'" if "type" in parent else "This"
        return f"{owner} missing required '{name}' field", f"a value for '{name}'", f"add `{name}:`"
    if name == "name":
        return "Workflow missing required 'name' field", "a name", 'add: name: "your_workflow_name"'
    return f"missing required '{name}' field", f"a value for '{name}'", f"add `{name}:`"


def _tag(path: Path, raw: JsonValue) -> tuple[str, str, str]:
    holder = _at(raw, path)
    here = holder if isinstance(holder, dict) else {}
    if "prompt" in path:
        step = _at(raw, path[: path.index("prompt")])
        owner = step.get("name", "?") if isinstance(step, dict) else "?"
        kinds = ("static", "file", "previous_response", "session_context", "claude_continue")
        match = nearest(str(here.get("type", "")), kinds)
        message = f"Step '{owner}' has prompt part with invalid type: {here.get('type')}"
        return message, f"one of: {', '.join(kinds)}", f"write 'type: {match}'" if match else ""
    name, kind = here.get("name", "?"), here.get("type")
    known = ", ".join(STEP_CLASSES)
    if kind is None:
        return f"Step '{name}' missing required 'type' field", f"one of: {known}", "add `type:`"
    if kind in UNSUPPORTED_TYPES:
        return f"Step '{name}' has type '{kind}', which is known but not supported yet", f"one of: {known}", ""
    match = nearest(str(kind), STEP_CLASSES)
    return f"Step '{name}' has invalid type '{kind}'", f"one of: {known}", f"write 'type: {match}'" if match else ""


def allowed_keys(path: Path, raw: JsonValue) -> set[str]:
    """The keys that the map at `path` of the text may have."""
    models: list[type[BaseModel]] = [Pipeline]
    value = raw
    for part in path:
        value = _at(value, (part,))
        if isinstance(part, int) or part == "workflow":
            models = _for_type(models, value)
            continue
        field = "prompt_parts" if part == "prompt" else part
        annotations = [m.model_fields[field].annotation for m in models if field in m.model_fields]
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
    elif get_origin(annotation) in (Union, types.UnionType, tuple, list, dict, Annotated):
        for inner in get_args(annotation):
            yield from _models(inner)


def _bound_fix(kind: str) -> str:
    return "write a value within these bounds" if kind.startswith(("greater_than", "less_than")) else ""


def _at(value: JsonValue, path: Path) -> JsonValue:
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
