"""`AuditBook`: the decisions that wait for the disk, and how the log stands.

A plain object that the node owns beside the tree: what was recorded outlives a crash of the AuditLog, and whoever asks
how the log stands is answered also while it is away. Loop thread only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from actors.kernel import Reply
from pipelines.guardrails.audit_chain import BEGINNING, Decision, Head

MOST_DAMAGE = 20


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision that is to be kept, and who waits for that."""

    decision: Decision
    reply: Reply | None = None


class AuditBook:
    """`greeting`, given how the last node ended ("none", "orderly", "abrupt"), makes the first entry of this one,
    `farewell` is its last. Bounded: beyond `max_waiting` decisions new ones are dropped, and the log says later
    how many."""

    def __init__(self, max_waiting: int = 20_000) -> None:
        self.max_waiting = max_waiting
        self.waiting: deque[Waiting] = deque()
        self.in_flight: tuple[Waiting, ...] = ()
        self.in_flight_after = BEGINNING
        self.untold_drops = 0
        self.greeting: Callable[[str], Decision] | None = None
        self.farewell: Decision | None = None
        self.head: Head | None = None
        self.entries = 0
        self.dropped = 0
        self.problem = ""
        self.damage: tuple[str, ...] = ()
        self._wake: Callable[[bool], None] | None = None

    def record(self, decision: Decision, *, urgent: bool = False) -> None:
        """Has a decision kept soon, without waiting for it: within 50 ms, or at once when it is `urgent`."""
        if self.put(Waiting(decision)) and self._wake is not None:
            self._wake(urgent)

    def put(self, item: Waiting) -> bool:
        """Queues one; false (and counted) when there is no room."""
        if len(self.waiting) >= self.max_waiting:
            self.dropped += 1
            self.untold_drops += 1
            return False
        self.waiting.append(item)
        return True

    def serve(self, wake: Callable[[bool], None] | None) -> None:
        """Names who writes what is recorded; None: nobody for now."""
        self._wake = wake
        if wake is not None and self.waiting:
            wake(True)

    def take(self, most: int) -> tuple[Waiting, ...]:
        """Takes the next ones; they count as in flight until `kept` or `put_back`."""
        self.in_flight = tuple(self.waiting.popleft() for _ in range(min(most, len(self.waiting))))
        self.in_flight_after = self.head or BEGINNING
        return self.in_flight

    def kept(self, head: Head) -> None:
        """What was in flight is on the disk."""
        self.entries += len(self.in_flight)
        self.in_flight = ()
        self.head = head

    def put_back(self, known: Head | None = None) -> None:
        """What was in flight goes to the front again, but for those that nobody needs any more.

        `known` is the log's head as it was found after a crash: as many as it is further on were kept. Those who wait
        for a reply have had it, or will never get one.
        """
        done = max(0, known.number - self.in_flight_after.number) if known is not None else 0
        again = [Waiting(item.decision) for item in self.in_flight[done:] if item.reply is None]
        self.waiting.extendleft(reversed(again))
        self.entries += min(done, len(self.in_flight))
        self.in_flight = ()

    def note_damage(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """Remembers what is wrong with the files; gives what was not known yet."""
        new = tuple(text for text in found if text not in self.damage)
        self.damage = (*self.damage, *new)[:MOST_DAMAGE]
        return new

    def facts(self) -> dict[str, object]:
        """How the log stands, for `evopipe status`."""
        return {
            "head": f"{self.head.number}:{self.head.hash}" if self.head is not None else None,
            "waiting": len(self.waiting) + len(self.in_flight),
            "dropped": self.dropped,
            "problem": self.problem or None,
            "damage": list(self.damage),
        }
