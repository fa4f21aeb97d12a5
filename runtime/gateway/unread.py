"""What the clients of one listener have not read of their answers: since when, how much, and who gives way. Pure.

A client that does not read is left alone while there is room: it may be a person who scrolls. But what it leaves unread
is the node's memory, so there is a bound in sum; where it is passed, the user with the most unread bytes loses the
connection that has not read for longest.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

C = TypeVar("C")
# Below this what an allocator keeps of freed memory is not worth looking for.
FLOOD_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class _Rest:
    """Seconds of the loop's clock; `size` bytes of an answer that `user` has asked for."""

    since: float
    size: int
    user: str


class UnreadAnswers(Generic[C]):
    """The connections with an unread rest; `most_bytes` is what all of them may hold together, except that one alone
    may hold more."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._rests: dict[C, _Rest] = {}  # those that have waited for longest first
        self._of_user: defaultdict[str, int] = defaultdict(int)
        self._total = 0
        self._peak = 0

    @property
    def total(self) -> int:
        """Bytes."""
        return self._total

    def add(self, connection: C, user: str, size: int, now: float) -> list[C]:
        """Notes a rest of `size` bytes; the connections that are to be cut off for it, which are forgotten here."""
        if connection in self._rests:
            return []
        self._rests[connection] = _Rest(now, size, user)
        self._of_user[user] += size
        self._total += size
        self._peak = max(self._peak, self._total)
        cut: list[C] = []
        while self._total > self._most and len(self._rests) > 1:
            greediest = max(self._of_user, key=self._of_user.__getitem__)
            cut.append(next(each for each, rest in self._rests.items() if rest.user == greediest))
            self.remove(cut[-1])
        return cut

    def remove(self, connection: C) -> None:
        """It has been read, or its connection has ended."""
        rest = self._rests.pop(connection, None)
        if rest is None:
            return
        self._total -= rest.size
        self._of_user[rest.user] -= rest.size
        if not self._of_user[rest.user]:
            del self._of_user[rest.user]

    def longest(self, now: float, patience_s: float) -> C | None:
        """The connection that has not read for longest, if that is `patience_s` or more."""
        for connection, rest in self._rests.items():
            return connection if now - rest.since >= patience_s else None
        return None

    def has_ebbed(self) -> bool:
        """Whether most of what was unread at the height of a flood is gone: true once for each."""
        if self._peak < FLOOD_BYTES or self._total > self._peak // 4:
            return False
        self._peak = self._total
        return True
