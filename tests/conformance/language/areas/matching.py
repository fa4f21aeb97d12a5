"""When an answer is the expected one."""

from __future__ import annotations

from typing import Any, Final, cast

from pipelines.language import Missing, to_text
from pipelines.language.scope import find_in_result

# Which of its two Elixir adapters answered: there is no such thing here.
_REFERENCE_ONLY: Final = frozenset({"enhanced_provider"})


def equal(expected: Any, got: Any, wording: bool) -> bool:
    """The same JSON: numbers by value, booleans never equal to numbers."""
    if isinstance(expected, dict) and isinstance(got, dict):
        left, right = cast("dict[str, Any]", expected), cast("dict[str, Any]", got)
        return left.keys() == right.keys() and all(equal(left[key], right[key], wording) for key in left)
    if isinstance(expected, list) and isinstance(got, list):
        return _pairwise(equal, cast("list[Any]", expected), cast("list[Any]", got), wording)
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    return expected == got


def covers(expected: Any, got: Any, wording: bool) -> bool:
    """Everything the reference's results hold is found in ours, by the names a pipeline would use. Ours may hold more.

    A template that is a whole value keeps its type here, where the reference's top level makes it text: a number or
    boolean also matches its text. Without `wording` any text stands for any other, and so does any number.
    """
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return False
        for key, value in cast("dict[str, Any]", expected).items():
            found = find_in_result(cast("dict[str, Any]", got), (key,))
            if key not in _REFERENCE_ONLY and (isinstance(found, Missing) or not covers(value, found, wording)):
                return False
        return True
    if isinstance(expected, list):
        return isinstance(got, list) and _pairwise(covers, cast("list[Any]", expected), cast("list[Any]", got), wording)
    if not wording and _kind(expected) == _kind(got) != "other":
        return True
    if isinstance(expected, str) and isinstance(got, int | float):
        return to_text(got) == expected
    return equal(expected, got, wording)


def _pairwise(matches: Any, expected: list[Any], got: list[Any], wording: bool) -> bool:
    return len(expected) == len(got) and all(matches(a, b, wording) for a, b in zip(expected, got, strict=True))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "other"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "other"
