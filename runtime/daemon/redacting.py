"""The last thing before a log line is written: no key leaves the process in it, whoever wrote the line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from structlog.typing import EventDict, WrappedLogger

from actors.kernel.redaction import said, scrubbed

_SHORTEST_SECRET = 4  # shorter words would make every line unreadable
_LONGEST_TEXT = 20_000  # characters; a traceback fits
_DEEPEST = 6


class Redacting:
    """A processor of structlog: takes `secrets` and whatever looks like a key out of every text of a record.

    Stands behind what formats the traceback, so that it sees what will be written. Texts are bounded, as are the
    levels of maps and lists that it looks into: what lies deeper is named by its type.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, or a key that begins with another one would leave its end behind.
        words = {word for word in secrets if len(word) >= _SHORTEST_SECRET}
        self._secrets = tuple(sorted(words, key=len, reverse=True))

    def __call__(self, logger: WrappedLogger, name: str, record: EventDict) -> EventDict:
        return {key: self._clean(value, _DEEPEST) for key, value in record.items()}

    def _clean(self, value: Any, levels: int) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._text(value)
            case Mapping() | list() | tuple() if levels == 0:
                return f"<{type(cast('object', value)).__name__}>"
            case Mapping():
                inner = cast("Mapping[object, Any]", value)
                return {self._text(str(key)): self._clean(item, levels - 1) for key, item in inner.items()}
            case list() | tuple():
                return [self._clean(item, levels - 1) for item in cast("list[Any]", value)]
            case _:
                return self._text(said(value, _LONGEST_TEXT))

    def _text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return scrubbed(text, _LONGEST_TEXT)
