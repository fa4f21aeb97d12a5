"""Values of the node as JSON: dataclasses, pydantic models, decimals, paths and the like become plain values."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Set
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final, cast

from msgspec import Struct
from pydantic import BaseModel
from starlette.responses import Response

DEEPEST = 100
_AS_IT_IS: Final = frozenset({bool, int, str, type(None)})
_SEQUENCES: Final = frozenset({list, tuple})
_OTHER_FORMS: Final = (bool, int, str, float, Enum, Decimal, PurePath, BaseModel, Mapping, Set, list, tuple)
_JSON: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def to_wire(value: object, _depth: int = 0) -> Any:
    """A JSON value that says what `value` says. Money stays exact (text); what JSON has no word for becomes text."""
    if _depth > DEEPEST:
        return "..."
    below = _depth + 1
    # Nearly all that there is; the patterns below ask abstract classes and take ten times as long.
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict:
        items = cast("dict[object, object]", value).items()
        return {
            key if type(key) is str else str(key): item if type(item) in _AS_IT_IS else to_wire(item, below)
            for key, item in items
        }
    if kind in _SEQUENCES:
        return [to_wire(item, below) for item in cast("list[object] | tuple[object, ...]", value)]
    if kind is float:
        number = cast("float", value)
        return number if math.isfinite(number) else str(number)
    names = _field_names(kind)
    if names is not None:
        return {name: to_wire(getattr(value, name), below) for name in names}
    match value:
        case None | bool() | int() | str():
            return value.value if isinstance(value, Enum) else value
        case float():
            return value if math.isfinite(value) else str(value)
        case Enum():
            return to_wire(value.value, below)
        case Decimal() | PurePath():
            return str(value)
        case BaseModel():
            return to_wire(value.model_dump(), below)
        case Mapping():
            items = cast("Mapping[object, object]", value).items()
            return {str(key): to_wire(item, below) for key, item in items}
        case Set():
            return sorted((to_wire(item, below) for item in cast("Set[object]", value)), key=str)
        case list() | tuple():
            return [to_wire(item, below) for item in cast("list[object] | tuple[object, ...]", value)]
        case _:
            return str(value)


@lru_cache(maxsize=1_000)
def _field_names(kind: type[Any]) -> tuple[str, ...] | None:
    """What is shown of a dataclass or a `Struct`; None for what has another form, or is neither."""
    if issubclass(kind, Struct):
        return tuple(name for name in kind.__struct_fields__ if not name.startswith("_"))
    if not dataclasses.is_dataclass(kind) or issubclass(kind, _OTHER_FORMS):
        return None
    return tuple(field.name for field in dataclasses.fields(kind) if not field.name.startswith("_"))


def encode(value: object) -> str:
    """`value` as one line of JSON. ASCII only, so that lone surrogates from a model's answer cannot fail."""
    return _JSON.encode(to_wire(value))


class WireResponse(Response):
    """A JSON answer through `to_wire`."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return (encode(content) + "\n").encode("ascii")
