"""Who is told when kill switches change. The subscribers live in the view, and so survive a restart of the board."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.kernel import Actor, ActorDeadError, ActorRef, MailboxFull, MonitorRef
from actors.killswitch.messages import SwitchChanged
from pipelines.guardrails.kill_switch import Switch


class Audience:
    """Part of a KillBoard, used by it alone. A subscriber with a full mailbox is told again at `tell_untold`; one that
    has ended is forgotten."""

    def __init__(self, board: Actor, subscribers: dict[ActorRef[Any], bool]) -> None:
        self._board = board
        self._subscribers = subscribers
        self._untold: dict[ActorRef[Any], None] = {}
        self._monitors: dict[ActorRef[Any], MonitorRef] = {}

    def watch_all(self) -> None:
        """Watches those that an earlier board has left."""
        for ref in tuple(self._subscribers):
            self._watch(ref)

    def add(self, ref: ActorRef[Any], triggered: tuple[Switch, ...]) -> None:
        """Takes a subscriber in; it is told at once when a switch is in force, unless it hears of armings only."""
        armings_only = self._subscribers.setdefault(ref, False)
        if ref not in self._monitors:
            self._watch(ref)
        if triggered and not armings_only:
            self._tell((ref,), triggered)

    def forget(self, ref: ActorRef[Any]) -> None:
        """Ends a subscription; unknown ones are no error."""
        self._subscribers.pop(ref, None)
        self._untold.pop(ref, None)
        monitor = self._monitors.pop(ref, None)
        if monitor is not None:
            self._board.demonitor(monitor)

    def down(self, ref: ActorRef[Any]) -> None:
        """A subscriber has ended, as its monitor says."""
        self._monitors.pop(ref, None)
        self.forget(ref)

    def tell(self, triggered: tuple[Switch, ...]) -> None:
        """Tells everyone, in the order in which they came."""
        self._tell(tuple(self._subscribers), triggered)

    def tell_of_trigger(self, triggered: tuple[Switch, ...]) -> None:
        """Tells those who hear of triggers, too."""
        self._tell([ref for ref, armings_only in self._subscribers.items() if not armings_only], triggered)

    def tell_untold(self, triggered: tuple[Switch, ...]) -> None:
        """Tells those that had no room before."""
        if self._untold:
            again, self._untold = tuple(self._untold), {}
            self._tell(again, triggered)

    def _watch(self, ref: ActorRef[Any]) -> None:
        self._monitors[ref] = self._board.monitor(ref)

    def _tell(self, refs: Iterable[ActorRef[Any]], triggered: tuple[Switch, ...]) -> None:
        changed = SwitchChanged(triggered)
        for ref in refs:
            try:
                ref.tell(changed)
            except MailboxFull:
                self._untold[ref] = None
            except ActorDeadError:
                self.forget(ref)
