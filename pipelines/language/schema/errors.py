"""What pydantic found wrong, in the words of a person who writes YAML, each mistake once."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from pipelines.language.diagnostics import MOST_FINDINGS, Path, nearest
from pipelines.language.reading import Document
from pipelines.language.schema.keys import allowed_keys, canonical_path, text_path, value_at
from pipelines.language.schema.sentences import sentence

NO_STEPS = "no_steps"


def report_schema_errors(
    errors: list[Any], raw: JsonValue, canonical: JsonValue, prefix: Path, document: Document
) -> None:
    """Adds one finding for each of pydantic's `errors` (from `ValidationError.errors()`)."""
    seen: set[tuple[Path, str]] = set()
    meant = _misspelt(errors, raw, canonical)
    for error in errors:
        if document.full:
            document.left_out += 1
            continue
        path = _text_path(tuple(error["loc"]), canonical, raw)
        kind = str(error["type"])
        if kind in {"too_short", "missing"} and _is_echo(kind, path, raw):
            continue
        if path == ("steps",) and any(each.code == NO_STEPS for each in document.findings):
            continue
        if (path, kind) in seen or (kind == "missing" and path in meant):
            continue
        seen.add((path, kind))
        message, expected, fix = sentence(error, kind, path, raw)
        if kind == "union_tag_invalid":
            path = (*path, "type")
        code = "unsupported" if "not supported yet" in message else kind
        document.report(code, prefix + path, message, expected, fix)


def _misspelt(errors: list[Any], raw: JsonValue, canonical: JsonValue) -> set[Path]:
    """The missing keys that stand there under a wrong name: that name is told, once."""
    lacking = {_text_path(tuple(e["loc"]), canonical, raw) for e in errors if e["type"] == "missing"}
    holders = {path[:-1] for path in lacking if path}
    found: set[Path] = set()
    # Comparing names costs; of more errors than are told nobody sees the difference.
    for error in errors[:MOST_FINDINGS] if lacking else ():
        path = _text_path(tuple(error["loc"]), canonical, raw) if error["type"] == "extra_forbidden" else ()
        if path and path[:-1] in holders:
            match = nearest(str(path[-1]), allowed_keys(path[:-1], raw))
            found |= {(*path[:-1], match)} & lacking if match else set()
    return found


def _is_echo(kind: str, path: Path, raw: JsonValue) -> bool:
    """pydantic counts only the items that held, and so calls a list of broken steps too short."""
    value = value_at(raw, path)
    return kind == "too_short" and isinstance(value, list) and len(value) > 0


def _text_path(loc: Path, canonical: JsonValue, raw: JsonValue) -> Path:
    """pydantic's location as the text has it."""
    path = canonical_path(loc, canonical)
    return text_path(tuple("prompt" if part == "prompt_parts" else part for part in path), raw)
