"""The StepActors that hold leases, watched: with the end of one its leases come back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from actors.kernel import Actor, Down, MonitorRef
from actors.treasury.messages import Lease


@dataclass(frozen=True, slots=True, eq=False)
class _Watched:
    holder: str
    monitor: MonitorRef
    leases: set[int]


class Holders:
    """One monitor for each holder, as long as it has a lease."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._by_holder: dict[str, _Watched] = {}
        self._by_lease: dict[int, _Watched] = {}
        self._by_monitor: dict[MonitorRef, _Watched] = {}

    def watch(self, lease: Lease) -> None:
        """The lease is its holder's from now on."""
        # By its incarnation: a restarted StepActor has the name of the one that died.
        holder = repr(lease.holder)
        watched = self._by_holder.get(holder)
        if watched is None:
            watched = _Watched(holder, self._actor.monitor(lease.holder), set())
            self._by_holder[holder] = self._by_monitor[watched.monitor] = watched
        watched.leases.add(lease.number)
        self._by_lease[lease.number] = watched

    def ended(self, number: int) -> None:
        """The lease is nobody's any more."""
        watched = self._by_lease.pop(number, None)
        if watched is None:
            return
        watched.leases.discard(number)
        if not watched.leases:
            del self._by_holder[watched.holder], self._by_monitor[watched.monitor]
            self._actor.demonitor(watched.monitor)

    def down(self, message: Down) -> Collection[int]:
        """A holder has ended: the leases that it had."""
        watched = self._by_monitor.pop(message.monitor, None)
        if watched is None:
            return ()
        del self._by_holder[watched.holder]
        for number in watched.leases:
            del self._by_lease[number]
        return watched.leases
