"""What is said about a value that does not fit: the sentence, what was expected, and the fix."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from pipelines.language.diagnostics import Path, clip, nearest
from pipelines.language.schema.keys import allowed_keys, value_at
from pipelines.language.steps import STEP_CLASSES, UNSUPPORTED_TYPES

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
_LOOP_NEEDS = {"data_source": "For loop requires 'data_source' field", "steps": "Loop requires 'steps' field"}
_PART_EXAMPLE = "write {type: static, content: ...}"
_STEPS_EXAMPLE = 'expected format: steps: [{"name": "first", "type": "claude", "prompt": "..."}]'
_BOUNDS = {"greater_than_equal": ("at least", "ge"), "greater_than": ("more than", "gt"),
           "less_than_equal": ("at most", "le"), "less_than": ("less than", "lt")}  # fmt: skip


def sentence(error: Any, kind: str, path: Path, raw: JsonValue) -> tuple[str, str, str]:
    name = str(path[-1]) if path else ""
    parent = value_at(raw, path[:-1])
    match kind:
        case "extra_forbidden":
            allowed = sorted(allowed_keys(path[:-1], raw))
            match = nearest(name, allowed)
            fix = f"write '{match}'" if match else "remove it"
            return f"unknown key '{clip(name, 80)}'", f"one of: {', '.join(allowed)}" if allowed else "", fix
        case "missing":
            return _missing(name, path, parent, raw)
        case "union_tag_invalid" | "union_tag_not_found":
            return _tag(path, raw)
        case "literal_error":
            expected = str(error.get("ctx", {}).get("expected", ""))
            match = nearest(
                str(error["input"]), [each.strip("' ") for each in expected.replace(" or ", ",").split(",")]
            )
            return (
                f"{_short(error['input'])} is not allowed for '{name}'",
                expected,
                f"write '{match}'" if match else "",
            )
        case "string_pattern_mismatch":
            return (
                f"the name {_short(error['input'])} cannot be used",
                "letters, digits, _ and -, not beginning with a digit",
                "rename it",
            )
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, "), "", ""
        case "too_short":
            if name == "steps" and not (isinstance(parent, dict) and "type" in parent):
                return "Workflow must contain at least one step", "at least one entry", "add an entry under 'steps'"
            return f"'{name}' is empty", "at least one entry", f"add an entry under '{name}'"
        case "too_long" | "string_too_long":
            most = error.get("ctx", {}).get("max_length")
            unit = "characters" if kind == "string_too_long" else "entries"
            fix = "shorten it" if unit == "characters" else "split it, e.g. into pipelines that call each other"
            return f"'{clip(name, 80)}' is too long", f"at most {most} {unit}", fix
        case "string_too_short":
            return f"'{name}' is empty", "text", f"give '{name}' a value"
        case _:
            return _misfit(error, kind, name, path, raw)


def _missing(name: str, path: Path, parent: JsonValue, raw: JsonValue) -> tuple[str, str, str]:
    """A key that is not there. The sentences are pipeline_ex's where it has one (spec section 2)."""
    expected, fix = f"a value for '{name}'", f"add `{name}:`"
    holder = parent if isinstance(parent, dict) else {}
    kind, owner = holder.get("type"), holder.get("name")
    if kind in ("for_loop", "while_loop") and name in _LOOP_NEEDS:
        return _LOOP_NEEDS[name], expected, fix
    if len(path) > 2 and path[-3] == "prompt":
        step = value_at(raw, path[:-3])
        whose = f"Step '{step.get('name', '?')}'" if isinstance(step, dict) else "This step"
        what = "missing 'step' field" if name == "step" else f"without {name}"
        return f"{whose} has {kind} prompt part {what}", expected, fix
    if kind is None and name == "steps" and "cases" not in path:
        return "Workflow missing required 'steps' array", "a list of steps", _STEPS_EXAMPLE
    if kind is None and name == "name" and len(path) < 2:
        return "Workflow missing required 'name' field", "a name", 'add: name: "your_workflow_name"'
    if name == "name" and kind is not None:
        return "Step missing required 'name' field", "a name", 'add: name: "step_name"'
    if name == "input_source":
        return f"Step '{owner}': input_source is required for data_transform step", expected, fix
    if kind is None:
        return f"{'this' if len(path) > 1 else 'the file'} is missing required '{name}' field", expected, fix
    of = "" if name == "prompt" else f" of type '{kind}'"
    return f"Step '{owner or '?'}'{of} missing required '{name}' field", expected, fix


def _tag(path: Path, raw: JsonValue) -> tuple[str, str, str]:
    holder = value_at(raw, path)
    here = holder if isinstance(holder, dict) else {}
    if "prompt" in path:
        step = value_at(raw, path[: path.index("prompt")])
        owner = step.get("name", "?") if isinstance(step, dict) else "?"
        kinds = ("static", "file", "previous_response", "session_context", "claude_continue")
        match = nearest(str(here.get("type", "")), kinds)
        expected = f"one of: {', '.join(kinds)}"
        if not isinstance(holder, dict):
            return f"Step '{owner}' has a prompt part that is no map: {_short(holder)}", "a map", _PART_EXAMPLE
        if "type" not in here:
            return f"Step '{owner}' has prompt part without type", expected, "add `type: static`"
        message = f"Step '{owner}' has prompt part with invalid type: {here.get('type')}"
        return message, expected, f"write 'type: {match}'" if match else ""
    name, kind = here.get("name", "?"), here.get("type")
    known = ", ".join(STEP_CLASSES)
    if kind is None:
        return f"Step '{name}' missing required 'type' field", f"one of: {known}", "add `type:`"
    if isinstance(kind, str) and kind in UNSUPPORTED_TYPES:
        return f"Step '{name}' has type '{kind}', which is known but not supported yet", f"one of: {known}", ""
    match = nearest(str(kind), STEP_CLASSES)
    return f"Step '{name}' has invalid type '{kind}'", f"one of: {known}", f"write 'type: {match}'" if match else ""


def _misfit(error: Any, kind: str, name: str, path: Path, raw: JsonValue) -> tuple[str, str, str]:
    """A value of the wrong kind or out of its bounds."""
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        bound = f"{words} {error['ctx'][key]:g}"
        return f"'{name}' is {_short(error['input'])}", bound, f"write a number that is {bound}"
    expected = _EXPECTED.get(kind, "")
    if not expected:
        return str(error["msg"]), "", ""
    holder = value_at(raw, path[:-1])
    holder = holder if isinstance(holder, dict) and "type" in holder else {}
    owner = f"Step '{holder['name']}' " if isinstance(holder.get("name"), str) else ""
    if name == "steps" and not owner:
        return f"Workflow missing required 'steps' array, got {_short(error['input'])}", "a list", _STEPS_EXAMPLE
    if name == "prompt":
        expected = "text or a list of prompt parts"
    if path and isinstance(path[-1], int):
        name = f"entry {path[-1]} of '{path[-2]}'" if len(path) > 1 else "the entry"
        if path[-2:-1] == ("steps",):
            return f"a step must be a map, got {_short(error['input'])}", "a map", "write `- name: ...` and `type: ...`"
    what = "be a list" if expected == "a list" else "be a map" if expected == "a map" else f"be {expected}"
    got = error["input"]
    # `name: no`, `name: 3.10`: written as text, read as something else.
    fix = "quote it" if expected.startswith("text") and isinstance(got, bool | int | float) else f"write {expected}"
    return f"{owner}{name} must {what}, got {_short(got)}", expected, fix


def _short(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else "null" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
