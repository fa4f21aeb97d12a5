"""What the server needs to know of one vendor's protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tests.wire.behaviour import Answered, Failed, StreamFailed
from tests.wire.http import HttpRequest


class Dialect(Protocol):
    """One vendor."""

    name: str

    def matches(self, request: HttpRequest) -> bool:
        """Whether the request is for this vendor."""
        ...

    def sent_key(self, request: HttpRequest) -> str:
        """The key that the client sent, or ""."""
        ...

    def fault(self, request: HttpRequest, body: dict[str, Any], key: str) -> Failed | None:
        """What the vendor itself would refuse: the wrong key, a missing field, an unknown model."""
        ...

    def prompt(self, body: dict[str, Any]) -> str:
        """The text of the prompt."""
        ...

    def count(self, request: HttpRequest, body: dict[str, Any]) -> dict[str, Any] | None:
        """The JSON of a count of tokens, where that is asked for; here every character is one."""
        ...

    def streams(self, request: HttpRequest, body: dict[str, Any]) -> bool:
        """Whether the client asked for server-sent events."""
        ...

    def answer(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered) -> dict[str, Any]:
        """The JSON of a complete answer."""
        ...

    def events(self, request: HttpRequest, body: dict[str, Any], behaviour: Answered | StreamFailed) -> Sequence[bytes]:
        """The server-sent events of a streamed answer."""
        ...

    def error(self, failed: Failed, sent_key: str) -> dict[str, Any]:
        """The JSON of an error."""
        ...


def halves(text: str) -> list[str]:
    """Two pieces of a text, for streaming."""
    middle = max(1, len(text) // 2)
    return [piece for piece in (text[:middle], text[middle:]) if piece]
