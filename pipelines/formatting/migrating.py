"""From the dialect of pipeline_ex to the canonical form, with its comments, and what was changed in words.

The proof is the loader: both texts must give the same pipeline, or nothing is given back. Prompt parts stay, because
they are canonical, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from pipelines.language import InvalidPipelineError, Pipeline, load_pipeline, read_yaml

from .comments import with_lost_comments
from .respelling import replace_key, respell
from .roundtrip import ChangedMeaningError, dump, load

_TYPES: Final = {"str": "string", "text": "string", "int": "integer", "float": "number", "bool": "boolean",
                 "array": "list", "object": "map", "dict": "map"}  # fmt: skip
_MEANS_SOMETHING: Final = frozenset({"content", "value", "default"})
_ROUNDS: Final = 20


@dataclass(frozen=True, slots=True)
class Migration:
    """The new text, and one sentence for each change; no changes: it was canonical already."""

    text: str
    changes: tuple[str, ...]


def migrate(text: str | bytes, source: str = "<text>") -> Migration:
    """Raises `InvalidPipelineError` when the old text does not load, `ChangedMeaningError` when the new one would mean
    something else."""
    before = load_pipeline(text, source=source)
    plain, tree = load(text, source)
    changes: list[str] = []
    wrapped = "workflow" in tree and "steps" not in tree
    if wrapped:
        plain = _unwrapped(dump(tree))
        _, tree = load(plain, source)
        changes.append("the `workflow:` wrapper is gone; everything stands one level further left")
    _pipeline(tree, changes)
    if wrapped and before.unresolved_names == "keep":
        tree.insert(list(tree).index("steps"), "unresolved_names", "keep")
        changes.append("`unresolved_names: keep` says what the old dialect does with names that lead nowhere")
    new, after = _loadable(tree, source, changes)
    if changes:
        new = with_lost_comments(plain, new, source)
        after = load_pipeline(new, source=source)
    if after.content_hash != before.content_hash:
        raise ChangedMeaningError(f"{source} is left as it is: its canonical form would not be the same pipeline")
    return Migration(new if changes else dump(load(text, source)[1]), tuple(changes))


def _loadable(tree: Any, source: str, changes: list[str]) -> tuple[str, Pipeline]:
    """Keys that the old dialect ignores are unknown in the canonical one, and go."""
    for _ in range(_ROUNDS):
        new = dump(tree)
        try:
            return new, load_pipeline(new, source=source)
        except InvalidPipelineError as error:
            places = {(at.line, at.column): path for path, at in read_yaml(new, source).keys.items()}
            unknown = [places.get((each.line, each.column)) for each in error.diagnostics if each.code in _UNKNOWN]
            if not any(unknown):
                raise ChangedMeaningError(f"{source} is left as it is: in canonical form\n{error}") from error
            for path in (each for each in unknown if each):
                holder = tree
                for part in path[:-1]:
                    holder = holder[part]
                del holder[path[-1]]
                changes.append(f"{_text(path)}: removed; nothing reads it")
    raise ChangedMeaningError(f"{source} is left as it is: it has too many keys that nothing reads")


_UNKNOWN: Final = frozenset({"extra_forbidden"})


def _text(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _unwrapped(text: str) -> str:
    """A text in our layout without its `workflow:` line, all below it one level further left.

    Done on lines and not on the tree, because the tree would put comments at their old columns.
    """
    lines = text.split("\n")
    at = next(index for index, line in enumerate(lines) if line.startswith("workflow:"))
    behind = lines[at].removeprefix("workflow:").strip()
    kept = [behind] if behind.startswith("#") else []
    return "\n".join([*lines[:at], *kept, *(line.removeprefix("  ") for line in lines[at + 1 :])])


def _pipeline(tree: Any, changes: list[str], at: str = "") -> None:
    inputs = tree.get("inputs")
    if isinstance(inputs, list) and all(isinstance(each, str) for each in inputs):  # pyright: ignore[reportUnknownVariableType]
        tree["inputs"] = {name: {} for name in inputs}  # pyright: ignore[reportUnknownVariableType]
        changes.append(f"{at}inputs: a map instead of a list")
    elif isinstance(inputs, dict):
        for name, spec in inputs.items():  # pyright: ignore[reportUnknownVariableType]
            if isinstance(spec, dict) and spec.get("type") in _TYPES:  # pyright: ignore[reportUnknownMemberType]
                changes.append(f"{at}inputs.{name}.type: {_TYPES[spec['type']]} instead of {spec['type']}")
                spec["type"] = _TYPES[spec["type"]]
    for where, step in _steps(tree, at):
        _step(step, f"{where} '{step.get('name', '?')}'", changes)
        inner: Any = step.get("pipeline")
        if isinstance(inner, dict):
            if "workflow" in inner and "steps" not in inner:
                inner = cast(Any, inner["workflow"])
                step["pipeline"] = inner
                changes.append(f"{where}: its inner pipeline stands there without `workflow:`")
            _pipeline(inner, changes, f"{where}.pipeline.")


def _steps(holder: Any, at: str) -> Iterator[tuple[str, Any]]:
    steps: Any = holder.get("steps")
    items = cast("list[Any]", steps) if isinstance(steps, list) else []
    for index, step in enumerate(items):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if isinstance(step, dict):
            yield f"{at}steps[{index}]", step
            yield from _steps(step, f"{at}steps[{index}].")


def _step(step: Any, where: str, changes: list[str]) -> None:
    for key in [key for key, value in step.items() if value is None and key not in _MEANS_SOMETHING]:
        del step[key]
        changes.append(f"{where}: `{key}` without a value is gone")
    for key, factor in (("timeout_seconds", 1.0), ("timeout_ms", 0.001)):
        if _is_number(step.get(key)) and "timeout_s" not in step:
            seconds = step[key] * factor
            replace_key(step, key, "timeout_s", int(seconds) if seconds == int(seconds) else seconds)
            changes.append(f"{where}: `timeout_s` instead of `{key}`")
    if isinstance(step.get("continue_on_error"), bool):
        if step["continue_on_error"] and "on_error" not in step:
            replace_key(step, "continue_on_error", "on_error", "continue")
            changes.append(f"{where}: `on_error: continue` instead of `continue_on_error: true`")
        elif not step["continue_on_error"]:
            del step["continue_on_error"]
            changes.append(f"{where}: `continue_on_error: false` is gone; it is the default")
    if isinstance(step.get("retry"), int) and not isinstance(step["retry"], bool):
        step["retry"] = {"max_attempts": step["retry"]}
        changes.append(f"{where}: `retry` is a map with `max_attempts`")
    if isinstance(step.get("depends_on"), str):
        step["depends_on"] = [step["depends_on"]]
        changes.append(f"{where}: `depends_on` is a list")
    if "output_schema" in step and "schema" not in step:
        replace_key(step, "output_schema", "schema", step["output_schema"])
        changes.append(f"{where}: `schema` instead of `output_schema`")
    respell(step, where, changes)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
