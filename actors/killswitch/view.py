"""What the kill switches say now, readable on every hot path without a message.

One `KillView` is made by the node, handed to the KillBoard (the only writer) and to every actor that must ask before it
works. It outlives the board, so that a switch stays in force while the board is being restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors.kernel import ActorRef
from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import Key, Switch, Triggered


class KillView:
    """A read-only view for everyone but the board. Reading is safe from any thread: the state is one
    reference that is replaced, never changed."""

    __slots__ = ("_subscribers", "_triggered")

    def __init__(self) -> None:
        self._triggered: Triggered = {}
        self._subscribers: dict[ActorRef[Any], None] = {}

    def blocked(self, pipeline: str | None = None, provider: str | None = None) -> Switch | None:
        """The switch that forbids work of this pipeline or a call of this provider now; None: go on."""
        return kill_switch.blocked(self._triggered, pipeline, provider)

    @property
    def triggered(self) -> tuple[Switch, ...]:
        """All switches in force, in the order they were triggered."""
        return tuple(self._triggered.values())

    def subscribe(self, ref: ActorRef[Any]) -> None:
        """From this moment on `ref` is told of each change. On the loop's thread: what the view said in the same turn
        and what the board tells later leave no gap, also while the board is being restarted. `Subscribe` to the board
        as well, so that it watches for the subscriber's end.
        """
        self._subscribers[ref] = None

    def writer(self) -> tuple[Callable[[Mapping[Key, Switch]], None], dict[ActorRef[Any], None]]:
        """For the KillBoard alone: what replaces the state, and the subscribers it keeps here because they
        must survive a restart of the board."""
        return self._replace, self._subscribers

    @property
    def state(self) -> Triggered:
        """The state by level and name."""
        return self._triggered

    def _replace(self, triggered: Mapping[Key, Switch]) -> None:
        self._triggered = dict(triggered)
