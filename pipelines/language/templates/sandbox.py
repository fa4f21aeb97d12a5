"""The Jinja2 environment of the language: immutable sandbox, strict names, no way to Python, no unbounded work.

Values are JSON, so attribute access means key access; of Python's own methods only the listed ones exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, cast

from jinja2 import StrictUndefined, Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from .deadline import Deadline, deadline_of, timed
from .filters import FILTERS, KEPT_FILTERS
from .functions import FUNCTIONS
from .limits import MAX_GROWTH_CHARS, MAX_ITERATIONS

_TEXT_METHODS: Final = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"}
)
_MAP_METHODS: Final = frozenset({"items", "keys", "values", "get"})
_LOOP_FACTS: Final = frozenset(
    {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"}
)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 over JSON values. An operator or loop that would grow without bound raises `SecurityError`."""

    intercepted_binops = frozenset({"**", "*", "/", "//", "%", "+"})

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

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """A call of a function or method, under the deadline of the render."""
        deadline_of(__context).check()
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic with bounds: powers and repetitions are where a short text asks for all memory. By zero it is 0
        where names may lead nowhere, as everywhere in such a file; else it raises `ZeroDivisionError`."""
        if operator == "**":
            if not isinstance(left, int | float) or not isinstance(right, int | float):
                raise SecurityError("** needs two numbers")
            if abs(right) > 64 or abs(left) > 1e9:
                raise SecurityError("** is limited to bases up to 1e9 and exponents up to 64")
        elif operator == "%" and isinstance(left, str):
            raise SecurityError("% does not format text here")
        elif operator in {"/", "//", "%"} and isinstance(left, int | float) and right == 0:
            if context.resolve("divide") is not self.globals["divide"]:
                return 0
        elif operator == "*":
            for text, times in ((left, right), (right, left)):
                sized = isinstance(text, str | list | tuple)
                if sized and isinstance(times, int) and len(cast("str", text)) * times > MAX_GROWTH_CHARS:
                    raise SecurityError("repetition is too long")
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > 4096:
                raise SecurityError("the number is too large")
        return super().call_binop(context, operator, left, right)


def bounded(values: Iterable[Any], budget: list[int], deadline: Deadline) -> Iterator[Any]:
    """Yields `values`, taking one from `budget` for each; raises `SecurityError` when that or the time is spent."""
    for value in values:
        deadline.check()
        budget[0] -= 1
        if budget[0] < 0:
            raise SecurityError(f"loops of one template are limited to {MAX_ITERATIONS} turns in all")
        yield value


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
    kept: dict[str, Any] = {name: sandbox.filters[name] for name in KEPT_FILTERS}
    _replace_all(sandbox.globals, dict(FUNCTIONS))
    _replace_all(sandbox.filters, {name: timed(each) for name, each in {**kept, **FILTERS}.items()})
    return sandbox
