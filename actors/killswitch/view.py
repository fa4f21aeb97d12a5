"""What the kill switches say now, readable on every hot path without a message.

One `KillView` is made by the node, handed to the KillBoard (the only writer) and to every actor that must ask before it
works. It outlives the board, so that a switch stays in force while the board is being restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors.kernel import ActorRef
from actors.killswitch.at_work import AtWork
from pipelines.guardrails import kill_switch
from pipelines.guardrails.kill_switch import NOBODY, Key, Subject, Switch, Triggered


class KillView:
    """A read-only view for everyone but the board. Reading is safe from any thread: the state is one
    reference that is replaced, never changed."""

    __slots__ = ("_holds_steps", "_subscribers", "_triggered", "_witness", "at_work")

    def __init__(self, triggered: Mapping[Key, Switch] | None = None) -> None:
        self._triggered: Triggered = dict(triggered or {})
        self._holds_steps = kill_switch.holds_steps(self._triggered)
        self._subscribers: dict[ActorRef[Any], bool] = {}
        self.at_work = AtWork(self._bear_witness)
        """What a switch cuts off as it comes into force."""
        self._witness: Callable[[Triggered], None] | None = None

    def blocked(
        self, pipeline: str | None = None, provider: str | None = None, subject: Subject = NOBODY
    ) -> Switch | None:
        """The switch that forbids work of this pipeline, for this subject, or a call of this provider now; None: go
        on."""
        return kill_switch.blocked(self._triggered, pipeline, provider, subject)

    @property
    def triggered(self) -> tuple[Switch, ...]:
        """All switches in force, in the order they were triggered."""
        return tuple(self._triggered.values())

    def subscribe(self, ref: ActorRef[Any], *, armings_only: bool = False) -> None:
        """From this moment on `ref` is told of each change, or of those alone that lift a switch. On the loop's thread:
        what the view said in the same turn and what the board tells later leave no gap, also while the board is being
        restarted. An actor takes its ref off in its `release`, or sends `Subscribe` to the board as well, which then
        watches for its end.
        """
        self._subscribers[ref] = armings_only

    def unsubscribe(self, ref: ActorRef[Any]) -> None:
        """Ends a subscription; unknown ones are no error."""
        self._subscribers.pop(ref, None)

    def writer(self) -> tuple[Callable[[Mapping[Key, Switch]], None], dict[ActorRef[Any], bool]]:
        """For the KillBoard alone: what replaces the state, and the subscribers it keeps here because they
        must survive a restart of the board."""
        return self._replace, self._subscribers

    @property
    def holds_steps(self) -> bool:
        """Whether a switch of single steps is in force: only then is it worth while to know a step's marks."""
        return self._holds_steps

    @property
    def state(self) -> Triggered:
        """The state by level and name."""
        return self._triggered

    def witnessed_by(self, witness: Callable[[Triggered], None]) -> None:
        """Calls `witness` with the state at each change, at once and on the loop's thread, and again with each call and
        each work that ends because it was cut off. There is one: the node's watchdog, which must know without asking
        anybody what is in force and whether that is carried out."""
        self._witness = witness

    def _replace(self, triggered: Mapping[Key, Switch]) -> None:
        before, self._triggered = self._triggered, dict(triggered)
        self._holds_steps = kill_switch.holds_steps(self._triggered)
        self._bear_witness()
        new = [switch for key, switch in self._triggered.items() if key not in before]
        if new:
            self.at_work.cut(new)

    def _bear_witness(self) -> None:
        if self._witness is not None:
            self._witness(self._triggered)
