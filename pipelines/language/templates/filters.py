"""The filters a template may use: Jinja2's harmless ones, ours where its own would take or make anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from jinja2 import Undefined
from jinja2.exceptions import SecurityError

from pipelines.language.json_text import parse_json
from pipelines.language.scope import to_text

from .limits import MAX_GROWTH_CHARS, MAX_OUTPUT_CHARS

# Kept as Jinja2 has them; text filters are wrapped below, the rest (attr, center, xmlattr, ...) is left out.
KEPT_FILTERS: Final = (
    "abs",
    "count",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "groupby",
    "int",
    "items",
    "last",
    "length",
    "list",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "sum",
    "truncate",
    "unique",
    "wordcount",
)


_MAX_WIDTH: Final = 99
# Two digits of width: a template cannot ask for a text of a gigabyte.
_CONVERSION: Final = re.compile(r"%[-+ 0#]*\d{0,2}(?:\.\d{1,2})?([sdfegxX%])")

_TEXT_FILTERS: Final[dict[str, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalize": str.capitalize,
    "trim": str.strip,
}


def _text_filter(name: str, function: Callable[[str], str]) -> Callable[[Any], str]:
    def apply(value: Any) -> str:
        if isinstance(value, Undefined):
            return str(value)
        if not isinstance(value, str):
            raise SecurityError(f"filter '{name}' needs text, got {to_text(value)[:60]}")
        return function(value)

    return apply


def _replace(text: Any, old: str, new: str) -> str:
    source = to_text(text)
    if source.count(old) * (len(new) - len(old)) > MAX_GROWTH_CHARS:
        raise SecurityError("filter 'replace' would make the text too long")
    return source.replace(old, new)


def _join(values: Any, separator: str = "") -> str:
    if isinstance(values, Undefined):
        return str(values)
    texts = [_string(each) for each in values]
    if sum(map(len, texts)) + len(texts) * len(separator) > MAX_OUTPUT_CHARS:
        raise SecurityError("filter 'join' would make the text too long")
    return separator.join(texts)


def _tojson(value: Any, indent: int | None = None) -> str:
    if isinstance(value, Undefined):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=None if indent is None else min(int(indent), 8))


def _string(value: Any) -> str:
    return str(value) if isinstance(value, Undefined) else to_text(value)


def _split(text: Any, separator: str | None = None) -> list[str]:
    return _string(text).split(separator)


def _indent(text: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
    space = " " * min(max(int(width), 0), _MAX_WIDTH)
    lines = _string(text).split("\n")
    if len(lines) * len(space) > MAX_GROWTH_CHARS:
        raise SecurityError("filter 'indent' would make the text too long")
    return "\n".join(
        space + line if (number or first) and (line or blank) else line for number, line in enumerate(lines)
    )


def _format(pattern: Any, *values: Any) -> str:
    text = _string(pattern)
    kinds = [found[1] for found in _CONVERSION.finditer(text) if found[1] != "%"]
    if "%" in _CONVERSION.sub("", text):
        raise SecurityError("filter 'format' knows %s, %d, %f, %e, %g, %x and %%, each up to 99 wide")
    if len(kinds) != len(values):
        raise SecurityError(f"filter 'format' has {len(kinds)} places for {len(values)} values")
    try:
        return text % tuple(_string(value) if kind == "s" else value for kind, value in zip(kinds, values, strict=True))
    except (TypeError, ValueError, OverflowError) as error:
        raise SecurityError(f"filter 'format': {error}") from None


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _text_filter(name, function) for name, function in _TEXT_FILTERS.items()},
    "join": _join,
    "replace": _replace,
    "string": _string,
    "tojson": _tojson,
    "fromjson": parse_json,
    "split": _split,
    "indent": _indent,
    "format": _format,
}
