"""Values put into a text, with its comments and everything else left as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pipelines.language import read_yaml

from .roundtrip import ChangedMeaningError, dump, load

_NAME: Final = re.compile(r"[a-z]{6,}|[a-z]+(_[a-z0-9]+)+")


def put_values(text: str, values: Mapping[tuple[str, ...], JsonValue], source: str = "<text>") -> str:
    """`text` with each value at its path of keys, in the one layout; a key that is not there yet comes last in its map.

    The maps on the way must be there. Raises `InvalidPipelineError` when it is no YAML we read, `ChangedMeaningError`
    when a path leads through something else than maps, or the text would not read as the values say.
    """
    plain, tree = load(text, source)
    wanted = cast(Any, read_yaml(plain, source).value)
    for path, value in values.items():
        _put(tree, path, _quoted(value), source)
        _put(wanted, path, value, source)
    filled = dump(tree)
    if read_yaml(filled, source).value != wanted:
        raise ChangedMeaningError(f"{source} cannot hold the values: the text would read otherwise")
    return filled


def _put(tree: Any, path: tuple[str, ...], value: Any, source: str) -> None:
    holder = tree
    for key in path[:-1]:
        holder = cast("dict[str, Any]", holder).get(key) if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        raise ChangedMeaningError(f"{source} has no map at {'.'.join(path[:-1])}")
    cast("dict[str, Any]", holder)[path[-1]] = value


def _quoted(value: JsonValue) -> Any:
    """Texts in quotes: whatever they hold, they stay texts. Names that YAML has no other meaning for need none."""
    if isinstance(value, str):
        return value if _NAME.fullmatch(value) else DoubleQuotedScalarString(value)
    if isinstance(value, dict):
        return {key: _quoted(each) for key, each in value.items()}
    return [_quoted(each) for each in value] if isinstance(value, list) else value
