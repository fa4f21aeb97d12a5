"""Label values within bounds: each distinct value is a time series that Prometheus keeps, so none comes from outside
unchecked."""

from __future__ import annotations

from collections.abc import Collection

OTHER = "other"
UNKNOWN = "unknown"
MAX_VALUE_LENGTH = 100


def one_of(value: object, known: Collection[str]) -> str:
    """The value if it belongs to a closed set, else `other`."""
    text = str(value) if value is not None else UNKNOWN
    return text if text in known or text == UNKNOWN else OTHER


class BoundedLabel:
    """The first `limit` distinct values keep their name; every later one is `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: set[str] = set()

    def __call__(self, value: object) -> str:
        # A lone surrogate in one label would make the whole exposition unencodable.
        text = str(value)[:MAX_VALUE_LENGTH].encode(errors="replace").decode() if value else UNKNOWN
        if text in self._kept:
            return text
        if len(self._kept) >= self._limit:
            return OTHER
        self._kept.add(text)
        return text
