"""The hook for the audit log: asked about a person's order before it is in force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from actors.breakers.messages import OrderBreaker

Audit = Callable[[OrderBreaker], Awaitable[None]]
"""Keeps the order; what it raises refuses it."""


async def unaudited(_order: OrderBreaker) -> None:
    """Keeps nothing: the event and the log line are all there is."""
