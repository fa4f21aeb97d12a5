"""A queue that is fair on several levels: between tenants, between a tenant's models, between the runs on each.

Deficit round robin (Shreedhar and Varghese, 1995) in its surplus form: who has credit left gives its next item and pays
with what the item costs, a debt is paid off by a quantum a round. So nobody needs to know an item's cost before it
is served. On every level each flow that has something ready is served once before any is served twice (items of cost
1), however long the others' queues are. Each operation takes a constant time a level, apart from flows that are not
ready, which are passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")

Ready = Callable[[Sequence[Hashable]], bool]
"""Whether what waits under this path (the first names of it) may be served now."""

QUANTUM: Final = 1.0
MOST_COST: Final = 8.0
"""The most that one item counts: the rounds that a flow can be made to wait by its own last item."""


class _Flow(Generic[T]):
    """One flow: flows of the next level, or at the last one the items."""

    __slots__ = ("credit", "flows", "items", "turns")

    def __init__(self) -> None:
        self.credit = 0.0
        self.flows: dict[Hashable, _Flow[T]] = {}
        self.turns: deque[Hashable] = deque()
        self.items: deque[tuple[T, float]] = deque()


class FairQueue(Generic[T]):
    """Items under paths of names, all of `levels` names; first in first out within one path."""

    def __init__(self, levels: int) -> None:
        if levels < 1:
            raise ValueError("a fair queue needs at least one level")
        self._levels = levels
        self._root: _Flow[T] = _Flow()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        """All items, in no order that means anything."""
        waiting = [self._root]
        while waiting:
            flow = waiting.pop()
            yield from (item for item, _ in flow.items)
            waiting += flow.flows.values()

    def push(self, path: Sequence[Hashable], item: T, cost: float = 1.0) -> None:
        """Puts an item at the end of its flow. `cost` counts from 0 to `MOST_COST`."""
        if len(path) != self._levels:
            raise ValueError(f"a path here has {self._levels} names, not {len(path)}")
        flow = self._root
        for name in path:
            below = flow.flows.get(name)
            if below is None:
                below = flow.flows[name] = _Flow()
                # A new flow begins its first turn with credit and at the end of the round.
                below.credit = QUANTUM
                flow.turns.append(name)
            flow = below
        flow.items.append((item, min(max(cost, 0.0), MOST_COST)))
        self._length += 1

    def pop(self, ready: Ready | None = None) -> T | None:
        """The item whose turn it is among those that are ready; None when there is none."""
        found = self._pop(self._root, [], ready)
        if found is None:
            return None
        self._length -= 1
        return found[0]

    def remove(self, path: Sequence[Hashable], item: T) -> bool:
        """Takes an item out of the middle; whether it was there. Compares by identity."""
        flows = [self._root]
        for name in path:
            below = flows[-1].flows.get(name)
            if below is None:
                return False
            flows.append(below)
        place = next((index for index, (each, _) in enumerate(flows[-1].items) if each is item), None)
        if place is None:
            return False
        del flows[-1].items[place]
        self._length -= 1
        for above, name in zip(reversed(flows[:-1]), reversed(path), strict=True):
            below = above.flows[name]
            if not below.items and not below.flows:
                del above.flows[name]
                above.turns.remove(name)
        return True

    def _pop(self, flow: _Flow[T], path: list[Hashable], ready: Ready | None) -> tuple[T, float] | None:
        if flow.items:
            return flow.items.popleft()
        passed = 0
        while passed < len(flow.turns):
            name = flow.turns[0]
            below = flow.flows[name]
            path.append(name)
            may = ready is None or ready(path)
            if may and below.credit <= 0:
                below.credit += QUANTUM
                path.pop()
                flow.turns.rotate(-1)
                passed = 0  # it gets nearer: a round of this kind is no round in vain
                continue
            found = self._pop(below, path, ready) if may else None
            path.pop()
            if found is None:
                flow.turns.rotate(-1)
                passed += 1
                continue
            self._served(flow, name, below, found[1])
            return found
        return None

    def _served(self, flow: _Flow[T], name: Hashable, below: _Flow[T], cost: float) -> None:
        if not below.items and not below.flows:
            del flow.flows[name]
            flow.turns.popleft()
            return
        below.credit -= cost
        if below.credit <= 0:
            below.credit += QUANTUM
            flow.turns.rotate(-1)
