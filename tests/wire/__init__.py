"""A server that speaks both vendors' HTTP protocols over real sockets, for tests that use the real SDKs."""

from tests.wire.behaviour import (
    Answered,
    Behaviour,
    Cut,
    Failed,
    Malformed,
    Page,
    Silent,
    Slow,
    StreamFailed,
    scripted,
)
from tests.wire.server import Call, WireServer

__all__ = [
    "Answered",
    "Behaviour",
    "Call",
    "Cut",
    "Failed",
    "Malformed",
    "Page",
    "Silent",
    "Slow",
    "StreamFailed",
    "WireServer",
    "scripted",
]
