"""What the server can be told to do with one call: by a queue, or by a word in double brackets in the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answered:
    """A complete answer. `text` None: an echo of the prompt, or JSON where the request has a schema.

    `stop` is the vendor's own word (None: its word for a finished answer); `model` overrides the model's name. `calls`
    are function calls, name and arguments. Left to itself the server calls the first function of a request that has
    any, until it is given a result.
    """

    text: str | None = None
    stop: str | None = None
    model: str | None = None
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """An error status with the vendor's error body. `{key}` in `message` becomes the key that was sent."""

    status: int
    type: str | None = None
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    error_code: str | None = None
    details: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """A stream that carries an error event after its first piece of text."""

    type: str
    message: str = "scripted failure"


@dataclass(frozen=True, slots=True)
class Silent:
    """Takes the request and never answers; ends when the client goes or the server stops."""


@dataclass(frozen=True, slots=True)
class Slow:
    """A complete answer whose body comes in pieces of 16 bytes, `pause_s` apart."""

    pause_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Sends the head and the first part of the body, then resets the connection."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Status 200 and the right content type, but the body is not JSON."""


@dataclass(frozen=True, slots=True)
class Page:
    """Status 200 and a page of HTML, as a captive proxy sends."""


Behaviour = Answered | Failed | StreamFailed | Silent | Slow | Cut | Malformed | Page

_WORDS: Mapping[str, Behaviour] = {
    "bad-request": Failed(400),
    "unauthorized": Failed(401),
    "rate-limited": Failed(429, headers={"retry-after": "7"}),
    "server-error": Failed(500),
    "overloaded": Failed(529),
    "silent": Silent(),
    "slow": Slow(0.05),
    "cut": Cut(),
    "malformed": Malformed(),
    "page": Page(),
}


def scripted(prompt: str) -> Behaviour | None:
    """The behaviour that `[[word]]` in the prompt asks for; None without one. Raises KeyError for an unknown word."""
    found = re.search(r"\[\[([a-z-]+)\]\]", prompt)
    return _WORDS[found.group(1)] if found else None
