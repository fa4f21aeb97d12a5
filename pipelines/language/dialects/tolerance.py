"""Keys that pipeline_ex's authors wrote and its engine never looked at.

Its loader ignores every unknown key in silence. A file of the `workflow:` dialect loads here as well, but what is left
out is told: a key that is unknown becomes a warning, unless it is so near to a known one that it is a slip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

from pipelines.language.diagnostics import Path, nearest

# A slip has nearly all letters of the key that was meant: `condtion`, not `max_input_tokens` for `max_output_tokens`.
SLIP: Final = 0.9


def is_slip(name: str, known: Iterable[str]) -> bool:
    """Whether an unknown key is a known one, misspelt."""
    return nearest(name, known, SLIP) is not None


def without(canonical: dict[str, JsonValue], unknown: Mapping[Path, frozenset[str]]) -> dict[str, JsonValue]:
    """A copy of the canonical map without the `unknown` keys, which stand under the path of the map they are in.

    What lies on the way to each map is copied; everything else is shared.
    """
    result: Any = canonical
    for path, names in unknown.items():
        result = _without(result, path, names)
    return cast("dict[str, JsonValue]", result)


def _without(value: Any, path: Path, names: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        here = cast("Mapping[str, Any]", value)
        if not path:
            return {key: each for key, each in here.items() if key not in names}
        first = str(path[0])
        return {**here, first: _without(here[first], path[1:], names)} if first in here else here
    if isinstance(value, list) and path and isinstance(path[0], int):
        items = list(cast("list[Any]", value))
        items[path[0]] = _without(items[path[0]], path[1:], names)
        return items
    return cast(Any, value)
