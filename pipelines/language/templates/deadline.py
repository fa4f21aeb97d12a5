"""How long one template may work: what it renders may be a few loops over a few large texts, and take hours.

Time is asked for at every turn of a loop, every call of a filter or function, and every item that a filter yields; a
single one of those is bounded by the size of the values it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from time import perf_counter, thread_time
from types import GeneratorType
from typing import Any, Final, cast

from jinja2 import pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

from .limits import MAX_SECONDS

DEADLINE: Final = "_deadline"
_LOOKS_EACH_S: Final = 0.05


class Deadline:
    """Counts the thread's own processor time from now: on a busy machine a template may take longer by the clock."""

    def __init__(self) -> None:
        self._cpu_end = thread_time() + MAX_SECONDS
        self._next_look = perf_counter() + _LOOKS_EACH_S

    def check(self) -> None:
        """Raises `SecurityError` when the time is over."""
        if perf_counter() < self._next_look:
            return
        if thread_time() > self._cpu_end:
            raise SecurityError(f"the template is limited to {MAX_SECONDS} seconds of work")
        self._next_look = perf_counter() + _LOOKS_EACH_S

    def during(self, values: Iterator[Any]) -> Iterator[Any]:
        """`values`, with a check at each."""
        for value in values:
            self.check()
            yield value


def deadline_of(context: Context) -> Deadline:
    """The deadline of the render that `context` belongs to."""
    return cast(Deadline, context.get(DEADLINE))


def timed(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, under the deadline of the render it is called in; it takes what Jinja2 would have passed it."""
    asks_for = getattr(getattr(filter_, "jinja_pass_arg", None), "name", None)

    @pass_context
    @wraps(filter_)
    def apply(context: Context, *arguments: Any, **options: Any) -> Any:
        deadline = deadline_of(context)
        deadline.check()
        match asks_for:
            case "context":
                result = filter_(context, *arguments, **options)
            case "environment":
                result = filter_(context.environment, *arguments, **options)
            case "eval_context":
                result = filter_(context.eval_ctx, *arguments, **options)
            case _:
                result = filter_(*arguments, **options)
        return deadline.during(cast("Iterator[Any]", result)) if isinstance(result, GeneratorType) else result

    return apply
