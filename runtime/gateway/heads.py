"""What the head of a request must be, beyond what llhttp checks, and the refusals of what is no request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

VERSIONS: Final = frozenset({"1.0", "1.1"})
MOST_FIELDS: Final = 256  # as objects they take twenty times their bytes, while the head is not whole
# What else llhttp takes for requests: RTSP's, and those to ICE streaming servers, which alone have this method.
RTSP: Final = b"RTSP/"
RTSP_LINE: Final = re.compile(rb"(?:\A|\n)[A-Z_-]+ +[^ \r\n]+ +RTSP/")
ICE_METHOD: Final = b"SOURCE"
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection gets no service, or no more of it."""

    status: int
    code: str
    message: str


INCOMPLETE: Final = Refusal(400, "incomplete", "the connection ended before the request was complete.")


def bad_http(detail: str, status: int = 400) -> Refusal:
    """The answer to what is no HTTP of ours."""
    return Refusal(status, "bad_http", f"this is not a valid HTTP/1.1 request ({detail}).")


OTHER_PROTOCOL: Final = bad_http("another protocol")
OTHER_VERSION: Final = bad_http("another version of HTTP", 505)
OTHER_CODING: Final = bad_http("a transfer-encoding other than chunked", 501)
LONG_FRAMING: Final = bad_http("the lines between the chunks of its body, or those behind it, are too long")

MANY_FIELDS: Final = Refusal(431, "head_too_large", f"the request's head has more than {MOST_FIELDS} fields.")


def head_too_large(most_bytes: int) -> Refusal:
    """The answer to a head past its bound."""
    return Refusal(431, "head_too_large", f"the request's head is larger than {most_bytes} bytes.")


def head_flaw(version: str, target: bytes, fields: Iterable[tuple[bytes, bytes]], most_bytes: int) -> Refusal | None:
    """What is wrong with a head: its version, its size, a transfer-encoding that is not read here, no Host or two.
    The names of `fields` are lower case."""
    if version not in VERSIONS:
        return OTHER_VERSION
    size, hosts = len(target), 0
    for name, value in fields:
        size += len(name) + len(value)
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and value.lower() != b"chunked":
            return OTHER_CODING
    if size > most_bytes:
        return head_too_large(most_bytes)
    if hosts > 1:
        return bad_http("it has more than one Host header")
    if hosts == 0 and version != "1.0":
        return bad_http("it has no Host header")
    return None


def body_head(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that says how long a body is and nothing else, as one with `fields` says it; nothing when they do not."""
    framing = b"".join(b"%b: %b\r\n" % each for each in fields if each[0] in _FRAMING)
    return b"POST / HTTP/1.1\r\n%b\r\n" % framing if framing else b""
