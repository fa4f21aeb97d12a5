"""`Turn`: a place in the order in which one file of state is read and replaced by this process.

A thread cannot be killed: the save of an actor that was killed may still be under way when the actor's next life has
read the file, or has written a newer state. Whoever was later in asking wins, however long the earlier one takes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary


class SupersededError(OSError):
    """Somebody who asked later has read or written the file already; it is as they know it."""


class _Order:
    __slots__ = ("__weakref__", "lock", "newest")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.newest = 0


# An order is needed as long as somebody has a turn in it: an earlier turn than all of those to come.
_orders: WeakValueDictionary[Path, _Order] = WeakValueDictionary()
_orders_lock = threading.Lock()
_turns = itertools.count(1)


class Turn:
    """One turn at the file at `path`, behind all that were made before.

    Make it where the use is asked for, on the loop, and not on the thread that carries it out: the order is the one in
    which turns are made. Its use, once, is on any thread.
    """

    __slots__ = ("_number", "_order", "_path")

    def __init__(self, path: Path) -> None:
        self._path = path
        absolute = path.absolute()
        with _orders_lock:
            self._order = _orders.get(absolute) or _orders.setdefault(absolute, _Order())
            self._number = next(_turns)

    @contextmanager
    def taken(self) -> Generator[None]:
        """Nobody else is at the file meanwhile, and afterwards nobody with an earlier turn, however the use ends: what
        a reader could not understand stays, too. Raises `SupersededError` when a later turn was taken already."""
        order = self._order
        with order.lock:
            if self._number < order.newest:
                raise SupersededError(f"{self._path} was read or replaced by somebody who asked later")
            order.newest = self._number
            yield
