"""Large values: kept once, under the hash of their JSON, while the row of their step holds a summary. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import JsonValue

from actors.journal.json_text import as_json, from_json

LARGE_BYTES: Final = 256 * 1024
"""Values whose JSON is longer than this are kept apart, unless the place says otherwise."""

_EXCERPT: Final = 200
_SMALL_FIELD: Final = 2_048
_MOST_FIELDS: Final = 64


@dataclass(frozen=True, slots=True)
class Stored:
    """A value that is kept apart: the SHA-256 (hex) and the length of its JSON, and how it begins."""

    sha256: str
    size_bytes: int
    excerpt: str

    def facts(self) -> dict[str, JsonValue]:
        """As events and answers show it."""
        return {"bytes": self.size_bytes, "sha256": self.sha256, "excerpt": self.excerpt}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> Stored:
        """From what `facts` gave."""
        return cls(str(facts["sha256"]), int(facts["bytes"]), str(facts["excerpt"]))

    @classmethod
    def of_note(cls, note: str | None) -> Stored | None:
        """From what the row of a value holds of it: the JSON of `facts`, or nothing where the value is in the row."""
        return None if note is None else cls.of_facts(from_json(note))


@dataclass(frozen=True, slots=True)
class Large:
    """A value to be kept apart: its JSON, the note of it, and the JSON of what stands in its row."""

    body: bytes
    stored: Stored
    summary: str


def parted(value: JsonValue, text: str, large_bytes: int) -> Large | None:
    """How to keep `value`, whose JSON (ASCII) is `text`; None when it is small."""
    if len(text) <= large_bytes:
        return None
    body = text.encode("ascii")
    stored = Stored(hashlib.sha256(body).hexdigest(), len(body), excerpt_of(value))
    return Large(body, stored, as_json(_summary(value)))


def excerpt_of(value: JsonValue) -> str:
    """How a value begins: its `result` or `text` where it has one, its JSON else."""
    match value:
        case {"result": str(text)} | {"text": str(text)} | str(text):
            return text[:_EXCERPT]
        case {"outputs": dict(outputs)}:
            return as_json(outputs)[:_EXCERPT]
        case _:
            return as_json(value)[:_EXCERPT]


def _summary(value: JsonValue) -> JsonValue:
    """{"fields": small fields as they are, "large": the names of the others}; of anything but a map: null."""
    if not isinstance(value, dict) or len(value) > _MOST_FIELDS:
        return None
    small: dict[str, JsonValue] = {}
    large: list[JsonValue] = []
    for key, field in value.items():
        if len(as_json(field)) <= _SMALL_FIELD:
            small[key] = field
        else:
            large.append(key)
    return {"fields": small, "large": large}


def is_heavy(value: JsonValue, limit: int) -> bool:
    """Whether `value` holds more than about `limit` characters and numbers. Looks at no more of it than that."""
    room, waiting = limit, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            room -= len(each)
        elif type(each) is dict:
            room -= sum(map(len, each))
            waiting += each.values()
        elif isinstance(each, list):
            room -= len(each)
            waiting += each if len(each) <= room else ()
        room -= 1
        if room < 0:
            return True
    return False
