"""A large value that cannot be read back any more, standing where the value would stand.

Whoever needs it fails with `ResultLostError`; whoever does not, never notices. It is a dict because values are JSON and
nothing that looks at them should have to know of it; every way to its content but its small fields is closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, cast

from pydantic import JsonValue

from actors.journal.errors import ResultLostError


def whole_or_lost(read: Callable[[], bytes], summary: str) -> JsonValue:
    """The value whose JSON `read` gives, or a `LostResult` when that raises `ResultLostError`. `summary` is what the
    value's row holds."""
    try:
        return json.loads(read())
    except ResultLostError as error:
        known = cast("dict[str, Any]", json.loads(summary) or {})
        return LostResult(error, known.get("fields") or {}, known.get("large") or ())


def name_of(run_id: str, step: str | None) -> str:
    """What a person calls the result of a step, or (None) the outcome of the run."""
    return f"the outcome of run {run_id!r}" if step is None else f"the result of step {step!r} of run {run_id!r}"


# Keeps C code that looks at a dict's size alone (json's encoder) from taking it for an empty one.
_NOT_EMPTY: Final = "\0lost"


class LostResult(dict[str, JsonValue]):
    """`fields` are known still, `gone` names those that are lost. Of a value that was no map nothing is known."""

    def __init__(self, error: ResultLostError, fields: dict[str, JsonValue], gone: Iterable[str]) -> None:
        self._gone = frozenset(gone)
        self._was_map = bool(fields or self._gone)
        super().__init__({**fields, **dict.fromkeys(self._gone), _NOT_EMPTY: None})
        self.error = error

    def __getitem__(self, key: str) -> JsonValue:
        if key in self._gone or not self._was_map:
            raise self._fresh()
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        # Asked of every result when a run's spending is added up; only maps have one.
        if not self._was_map and key != "usage":
            raise self._fresh()
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """A field that is known; raises for one that is lost."""
        try:
            return self[key]
        except KeyError:
            return default

    # Also makes dict(x) and {**x} ask for each field instead of copying what is beneath.
    def __iter__(self) -> Iterator[str]:
        raise self._fresh()

    def __len__(self) -> int:
        raise self._fresh()

    def __bool__(self) -> bool:
        raise self._fresh()

    def __str__(self) -> str:
        raise self._fresh()

    def __repr__(self) -> str:
        return f"<lost: {self.error.reason}>"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __or__(self, other: Any) -> Any:
        raise self._fresh()

    def __ror__(self, other: Any) -> Any:
        raise self._fresh()

    def keys(self) -> Any:
        """Refused."""
        raise self._fresh()

    def values(self) -> Any:
        """Refused."""
        raise self._fresh()

    def items(self) -> Any:
        """Refused."""
        raise self._fresh()

    def copy(self) -> Any:
        """Refused."""
        raise self._fresh()

    def _fresh(self) -> ResultLostError:
        return self.error.with_traceback(None)
