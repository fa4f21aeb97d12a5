"""A record of the log as a line of JSON. Two of them are written for every run, so it is made in few steps: a text is
redacted and quoted in one, and those that come again and again (names of events and loggers, ids of runs) only once.
"""

from __future__ import annotations

import json
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from runtime.daemon.redacting import Redacting

_REMEMBERED = 1024
_LONGEST_REMEMBERED = 64  # characters: at most 0.3 MB in all


class JsonLines:
    """A processor of structlog, the last: makes the line, with all that is not ASCII escaped, as `redacting` lets it.

    The `timestamp` is taken for our own: it is not looked at.
    """

    def __init__(self, redacting: Redacting) -> None:
        self._redacting = redacting
        self._key = lru_cache(_REMEMBERED)(self._quoted_key)
        self._short = lru_cache(_REMEMBERED)(self._quoted)
        self._encode = json.JSONEncoder().encode

    def __call__(self, logger: WrappedLogger, name: str, record: EventDict) -> str:
        parts = [f"{self._key(key)}: {self._value(key, value)}" for key, value in record.items()]
        return f"{{{', '.join(parts)}}}"

    def _value(self, key: str, value: Any) -> str:
        if type(value) is not str:
            return self._encode(self._redacting.value(value))
        if key == "timestamp":
            return quoted(value)
        return self._short(value) if len(value) <= _LONGEST_REMEMBERED else self._quoted(value)

    def _quoted(self, text: str) -> str:
        return quoted(self._redacting.text(text))

    def _quoted_key(self, key: str) -> str:
        return quoted(self._redacting.key(key))
