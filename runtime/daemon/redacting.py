"""The last thing before a log line is written: no key leaves the process in it, whoever wrote the line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from structlog.typing import EventDict, WrappedLogger

from actors.kernel.redaction import said, scrubbed

_SHORTEST_SECRET = 4  # shorter words would make every line unreadable
_LONGEST_TEXT = 20_000  # characters; a traceback fits
_LONGEST_NUMBER = 14_000  # bits; Python refuses to write out more than 4,300 digits
_DEEPEST = 6
_OURS = frozenset({"event", "level", "logger", "timestamp", "exception", "stack"})


class Redacting:
    """A processor of structlog: takes `secrets` and whatever looks like a key out of every text of a record.

    Stands behind what formats the traceback, so that it sees what will be written. Texts are bounded, as are the
    levels of maps and lists that it looks into: what lies deeper is named by its type. What it gives back is made of
    JSON's types only, with texts as keys of maps, whatever went in.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, or a key that begins with another one would leave its end behind.
        words = {word for word in secrets if len(word) >= _SHORTEST_SECRET}
        self._secrets = tuple(sorted(words, key=len, reverse=True))

    def __call__(self, logger: WrappedLogger, name: str, record: EventDict) -> EventDict:
        return {self.key(key): self.value(value) for key, value in record.items()}

    def key(self, key: str) -> str:
        """A record's own key. Those that every record has stay, even where one of them is somebody's secret."""
        return key if key in _OURS else self.text(key)

    def value(self, value: Any) -> Any:
        """What may be written of `value`; one that fails when it is looked at is named by its type."""
        try:
            return self._clean(value, _DEEPEST)
        except Exception:  # noqa: BLE001 - foreign code, and the rest of the record is wanted whatever it does
            return f"<{type(value).__name__} without a text>"

    def text(self, text: str) -> str:
        """`text` without keys, bounded."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return scrubbed(text, _LONGEST_TEXT)

    def _clean(self, value: Any, levels: int) -> Any:
        match value:
            case str():
                return self.text(value)
            case None | bool() | float():
                return value
            case int() if value.bit_length() <= _LONGEST_NUMBER:
                return value
            case Mapping() | list() | tuple() if levels == 0:
                return f"<{type(cast('object', value)).__name__}>"
            case Mapping():
                inner = cast("Mapping[object, Any]", value)
                return {self._inner_key(key): self._clean(item, levels - 1) for key, item in inner.items()}
            case list() | tuple():
                return [self._clean(item, levels - 1) for item in cast("list[Any]", value)]
            case _:
                return self.text(said(value, _LONGEST_TEXT))

    def _inner_key(self, key: object) -> str:
        return self.text(key if type(key) is str else said(key, _LONGEST_TEXT))
