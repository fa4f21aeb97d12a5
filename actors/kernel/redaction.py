"""What may be said of messages and errors where others read it: in the log, in crash reports, on the socket.

A message is described by its shape and never by its text: types, lengths, numbers. A prompt or a key in it is not
recognised and taken out, it is not looked at. The text of an exception is what its author wrote for people; it is kept,
bounded, and what looks like a key in it is replaced.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from typing import Any

from msgspec import Struct

LONGEST_SUMMARY = 300
LONGEST_TEXT = 500
_MOST_FIELDS = 12
_LARGEST_NUMBER = 10**20
# Cut before it is searched, so that an error with a 50 MB text costs no more than others.
_LONGEST_SEARCHED = 50_000

_GONE = "[redacted]"
_TOKENS = re.compile(
    r"\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{8,}"  # Anthropic, OpenAI, Stripe
    r"|\bAIza[A-Za-z0-9_-]{10,}"  # Google
    r"|\b(?:gh[opsu]_|github_pat_|xox[abprs]-|AKIA)[A-Za-z0-9_-]{8,}"  # GitHub, Slack, AWS
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]{8,}"  # a JSON web token
)
_SCHEMES = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_NAMED = re.compile(
    r"(?i)((?<![a-z])(?:[a-z0-9]+[-_])*(?:api[-_]?key|authorization|secret|token|password|passwd)[\"']?\s*[:=]\s*[\"']?)"
    r"(?!bearer\b|basic\b)[^\s\"',;&)}\]]{4,}"
)
_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")

# Words without which the two searches that ignore case find nothing; looking for them costs a hundredth.
_SCHEME_WORDS = re.compile("bearer|bas")
_NAME_WORDS = re.compile("key|author|secret|token|passw")

_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)


def scrubbed(text: str, longest: int = LONGEST_TEXT, *, keep: str = "start") -> str:
    """`text` without what looks like a key, and at most `longest` characters of it: its start, or its "end"."""
    ends = keep == "end"
    text = text[-_LONGEST_SEARCHED:] if ends else text[:_LONGEST_SEARCHED]
    text = _TOKENS.sub(_GONE, text)
    folded = text.casefold()
    if _SCHEME_WORDS.search(folded) is not None:
        text = _SCHEMES.sub(rf"\1 {_GONE}", text)
    if _NAME_WORDS.search(folded) is not None:
        text = _NAMED.sub(rf"\1{_GONE}", text)
    if "://" in text:
        text = _IN_URL.sub(rf"\1{_GONE}@", text)
    if len(text) <= longest:
        return text
    return f"...{text[3 - longest :]}" if ends else f"{text[: longest - 3]}..."


def said(thing: object, longest: int = LONGEST_TEXT) -> str:
    """`str(thing)`, scrubbed; an object whose `str` fails is named by its type."""
    try:
        return scrubbed(str(thing), longest)
    except Exception:  # noqa: BLE001 - foreign code, and a report must come about whatever it does
        return f"<{type(thing).__name__} without a text>"


def summary(message: object) -> str:
    """One line on the shape of `message`: its fields with numbers as they are and all else as types with lengths."""
    kind = type(message)
    fields = _field_names(kind)
    if fields is not None:
        shown = [f"{name}={_shape(_value(message, name))}" for name in fields[:_MOST_FIELDS]]
        more = ["..."] if len(fields) > _MOST_FIELDS else []
        text = f"{kind.__name__}({', '.join([*shown, *more])})"
    else:
        text = _shape(message)
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 3]}..."


def _field_names(kind: type[Any]) -> tuple[str, ...] | None:
    if issubclass(kind, Struct):
        return kind.__struct_fields__
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _value(message: object, field: str) -> Any:
    try:
        return getattr(message, field)
    except Exception:  # noqa: BLE001 - a field may be unset or computed by foreign code
        return None


def _shape(value: object) -> str:
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if kind is int or kind is float:
        return str(value) if kind is float or abs(value) < _LARGEST_NUMBER else kind.__name__  # pyright: ignore
    if isinstance(value, enum.Enum):
        return f"{kind.__name__}.{value.name}"
    if kind in _SIZED:
        return f"{kind.__name__}[{len(value)}]"  # pyright: ignore[reportArgumentType]
    return kind.__name__
