"""The Jinja2 environment of the language: immutable sandbox, strict names, no way to Python, no unbounded work.

Values are JSON, so attribute access means key access; of Python's own methods only the listed ones exist.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .json_text import parse_json
from .scope import to_text

MAX_OUTPUT_CHARS: Final = 4_000_000
MAX_RANGE: Final = 1_000
MAX_GROWTH_CHARS: Final = 100_000
MAX_ITERATIONS: Final = 100_000
_TEXT_METHODS: Final = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"}
)
_MAP_METHODS: Final = frozenset({"items", "keys", "values", "get"})
_LOOP_FACTS: Final = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"}
)
# Kept as Jinja2 has them; text filters are wrapped below, the rest (attr, format, center, xmlattr, ...) is left out.
_FILTERS: Final = (
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
_TEXT_FILTERS: Final[dict[str, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "capitalize": str.capitalize,
    "trim": str.strip,
}


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 over JSON values. An operator or loop that would grow without bound raises `SecurityError`."""

    intercepted_binops = frozenset({"**", "*", "%", "+"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys of maps, items of lists, the listed methods; nothing else of any Python object."""
        if attribute.startswith("_"):
            raise SecurityError(f"'{attribute}' is not reachable")
        if isinstance(obj, Mapping):
            values = cast("Mapping[str, Any]", obj)
            if attribute in values:
                return values[attribute]
            if attribute in _MAP_METHODS:
                return getattr(values, attribute)
        elif isinstance(obj, str):
            if attribute in _TEXT_METHODS:
                return getattr(obj, attribute)
        elif isinstance(obj, LoopContext) and attribute in _LOOP_FACTS:
            return getattr(obj, attribute)
        elif isinstance(obj, Undefined):
            return obj
        if attribute == "length" and isinstance(obj, str | list | tuple | dict):
            return len(cast("list[Any]", obj))
        return self.undefined(hint=f"there is no '{attribute}' here")

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Item access; an attribute is never tried."""
        if isinstance(argument, str) and argument.startswith("__"):
            raise SecurityError(f"'{argument}' is not reachable")
        if isinstance(obj, Undefined):
            return obj
        if isinstance(obj, Mapping | list | tuple | str):
            try:
                return cast("dict[Any, Any]", obj)[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(hint=f"there is no {argument!r} here")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic with bounds: powers and repetitions are where a short text asks for all memory."""
        if operator == "**":
            if not isinstance(left, int | float) or not isinstance(right, int | float):
                raise SecurityError("** needs two numbers")
            if abs(right) > 64 or abs(left) > 1e9:
                raise SecurityError("** is limited to bases up to 1e9 and exponents up to 64")
        elif operator == "%" and isinstance(left, str):
            raise SecurityError("% does not format text here")
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                sized = isinstance(text, str | list | tuple)
                if sized and isinstance(times, int) and len(cast("str", text)) * times > MAX_GROWTH_CHARS:
                    raise SecurityError("repetition is too long")
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 4096:
                raise SecurityError("the number is too large")
        return super().call_binop(context, operator, left, right)


def bounded(values: Iterable[Any], budget: list[int]) -> Iterator[Any]:
    """Yields `values`, taking one from `budget` for each, and raises `SecurityError` when it is spent."""
    for value in values:
        budget[0] -= 1
        if budget[0] < 0:
            raise SecurityError(f"loops of one template are limited to {MAX_ITERATIONS} turns in all")
        yield value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise SecurityError(f"a number is needed, got {to_text(value)[:60]!r}")
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        raise SecurityError(f"a number is needed, got {value[:60]!r}") from None
    return number


def _limited_range(*arguments: int) -> range:
    span = range(*arguments)
    if len(span) > MAX_RANGE:
        raise SecurityError(f"range() is limited to {MAX_RANGE} numbers")
    return span


def _divide(left: Any, right: Any) -> float:
    divisor = _number(right)
    return 0.0 if divisor == 0 else _number(left) / divisor


def _round(value: Any, digits: int = 0) -> float | int:
    scale = 10**digits
    number = _number(value) * scale
    rounded = math.floor(abs(number) + 0.5) * (1 if number >= 0 else -1)
    return rounded / scale if digits else rounded


def _flat(arguments: tuple[Any, ...]) -> list[int | float]:
    only = arguments[0] if len(arguments) == 1 else None
    return [_number(each) for each in (cast("list[Any]", only) if isinstance(only, list) else arguments)]


def _add(left: Any, right: Any) -> int | float:
    return _number(left) + _number(right)


def _subtract(left: Any, right: Any) -> int | float:
    return _number(left) - _number(right)


def _multiply(left: Any, right: Any) -> int | float:
    return _number(left) * _number(right)


def _floor(value: Any) -> int:
    return math.floor(_number(value))


def _ceil(value: Any) -> int:
    return math.ceil(_number(value))


def _max(*values: Any) -> int | float:
    return max(_flat(values))


def _min(*values: Any) -> int | float:
    return min(_flat(values))


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "max": _max,
    "min": _min,
    "round": _round,
    "floor": _floor,
    "ceil": _ceil,
    "range": _limited_range,
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


def _replace_all(table: Any, entries: dict[str, Any]) -> None:
    table.clear()
    table.update(entries)


def make_sandbox(finalize: Callable[[Any], Any]) -> Sandbox:
    """An environment with the functions and filters of the language only."""
    sandbox = Sandbox(
        undefined=StrictUndefined,
        finalize=finalize,
        keep_trailing_newline=True,
        autoescape=False,
        # Prompts hold Markdown anchors and code; a comment syntax would eat them.
        comment_start_string="{#\x00",
        comment_end_string="\x00#}",
        cache_size=0,
    )
    keep: dict[str, Any] = {name: sandbox.filters[name] for name in _FILTERS}
    _replace_all(sandbox.globals, dict(_FUNCTIONS))
    filters: dict[str, Any] = {
        **keep,
        **{name: _text_filter(name, function) for name, function in _TEXT_FILTERS.items()},
        "join": _join,
        "replace": _replace,
        "string": _string,
        "tojson": _tojson,
        "fromjson": parse_json,
    }
    _replace_all(sandbox.filters, filters)
    return sandbox
