"""Who restarted whom, when and why: a bounded log that outlives the actors it is about.

A plain object on the event bus, owned by the node and not an actor of its tree: an actor would lose the log in its own
restart, and could not write while the supervisors that it must tell about are at work.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.kernel.events import ChildRestarted
from actors.kernel.redaction import said

if TYPE_CHECKING:
    from actors.kernel.kernel import Kernel

PER_ACTOR = 20
MOST_ACTORS = 500


@dataclass(frozen=True, slots=True)
class RestartRecord:
    """One restart. `at` is Unix time in seconds; `reason` is why the incarnation `before` had ended, scrubbed."""

    at: float
    supervisor: str
    child_id: str
    reason: str
    before: str
    after: str


class RestartLog:
    """The last 20 restarts of each of the 500 actors that were restarted last. A history goes on with the next
    incarnation, whether that has the same name or, without a name, a label of its own.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._by_label: OrderedDict[str, deque[RestartRecord]] = OrderedDict()

    def attach(self) -> Callable[[], None]:
        """Begins to listen; the returned function ends that."""
        return self._kernel.events.subscribe(self._note, ChildRestarted)

    def of(self, label: str) -> tuple[RestartRecord, ...]:
        """The restarts that led to the actor of this name or label, oldest first."""
        return tuple(self._by_label.get(label, ()))

    def _note(self, event: Any) -> None:
        if event.__class__ is not ChildRestarted:
            return
        after = event.child_id if event.after is None else str(event.after)
        before = after if event.before is None else str(event.before)
        history = self._by_label.pop(before, None) or deque[RestartRecord](maxlen=PER_ACTOR)
        at, reason = self._kernel.clock.wall(), said(event.reason)
        history.append(RestartRecord(at, event.supervisor, event.child_id, reason, before, after))
        self._by_label[after] = history
        while len(self._by_label) > MOST_ACTORS:
            self._by_label.popitem(last=False)
