"""The opt-in trace of one actor: its last messages, how each came, and how long it was at work on it.

A trace stands in front of the actor's own `receive`, in the object's `__dict__`, where Python looks before it looks at
the class. So whoever is not traced pays nothing at all, not even the question whether he is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from actors.kernel.messages import Deferred, Down, Exit
from actors.kernel.redaction import said, summary

if TYPE_CHECKING:
    from actors.kernel.actor import Actor
    from actors.kernel.cell import Cell

#: The largest `keep` of a trace.
MOST_KEPT = 1_000

Came = Literal["called", "told", "signal"]
_RECEIVE = "receive"


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message. `summary` tells its shape, never its text; `age_s` is how long ago its handler began.

    `took_s` is None while the handler runs. `outcome`: handling, done, deferred (its reply comes later), interrupted,
    or `raised` with the error. A timer's message counts as told.
    """

    summary: str
    came: Came
    age_s: float
    took_s: float | None
    outcome: str


class _Entry:
    __slots__ = ("began", "came", "ended", "outcome", "summary")

    def __init__(self, text: str, came: Came, began: float) -> None:
        self.summary = text
        self.came: Came = came
        self.began = began
        self.ended: float | None = None
        self.outcome = "handling"


class Trace:
    """Keeps the last `keep` messages of one actor. It lasts over the actor's sleep, but ends with the incarnation."""

    def __init__(self, cell: Cell, keep: int) -> None:
        self._cell = cell
        self._entries: deque[_Entry] = deque(maxlen=keep)
        self._receive: Callable[[Any], Any] | None = None
        #: The handler that is awaited now, for those who look where it is.
        self.work: Coroutine[Any, Any, Any] | None = None

    @property
    def keep(self) -> int:
        """How many messages are kept."""
        return self._entries.maxlen or 0

    def resize(self, keep: int) -> None:
        """Keeps `keep` from now on; the newest of those that are kept already stay."""
        self._entries = deque(self._entries, maxlen=keep)

    def attach(self, actor: Actor) -> None:
        """Begins to see what `actor` receives."""
        self._receive = actor.receive
        vars(actor)[_RECEIVE] = self

    def detach(self, actor: Actor) -> None:
        """Leaves the actor as it was."""
        vars(actor).pop(_RECEIVE, None)

    def messages(self) -> tuple[TracedMessage, ...]:
        """What is kept, oldest first."""
        now = self._cell.kernel.clock.now()
        return tuple(
            TracedMessage(
                summary=entry.summary,
                came=entry.came,
                age_s=now - entry.began,
                took_s=None if entry.ended is None else entry.ended - entry.began,
                outcome=entry.outcome,
            )
            for entry in self._entries
        )

    def __call__(self, message: Any) -> Any:
        """Stands for the actor's `receive`."""
        assert self._receive is not None
        entry = self._begin(message)
        try:
            result = self._receive(message)
        except BaseException as error:
            self.end(entry, _raised(error))
            raise
        if isinstance(result, Coroutine):
            self.work = cast("Coroutine[Any, Any, Any]", result)
            return _Followed(self, entry, self.work)
        self.end(entry, _outcome(result))
        return result

    def _begin(self, message: Any) -> _Entry:
        cell = self._cell
        came: Came = "called" if cell.call is not None else "told"
        if isinstance(message, Exit | Down):
            came = "signal"
        entry = _Entry(summary(message), came, cell.kernel.clock.now())
        self._entries.append(entry)
        return entry

    def end(self, entry: _Entry, outcome: str) -> None:
        """The handler of `entry` is through."""
        entry.ended = self._cell.kernel.clock.now()
        entry.outcome = outcome
        self.work = None


class _Followed(Coroutine[Any, Any, Any]):
    """A handler's coroutine, of which the trace wants to know the end.

    No coroutine of its own, because closing one that was never begun would not close the one within.
    """

    __slots__ = ("_entry", "_trace", "_work")

    def __init__(self, trace: Trace, entry: _Entry, work: Coroutine[Any, Any, Any]) -> None:
        self._trace = trace
        self._entry = entry
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            result = yield from self._work.__await__()
        except Exception as error:
            self._trace.end(self._entry, _raised(error))
            raise
        except BaseException:
            self._trace.end(self._entry, "interrupted")
            raise
        self._trace.end(self._entry, _outcome(result))
        return result

    def send(self, value: Any, /) -> Any:
        return self._work.send(value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None, /) -> Any:
        return self._work.throw(typ) if val is None else self._work.throw(typ, val, tb)

    def close(self) -> None:
        self._work.close()


def trace_of(actor: Actor) -> Trace | None:
    """The trace that is in front of `actor`, if any."""
    found = actor.__dict__.get(_RECEIVE)
    return found if isinstance(found, Trace) else None


def _outcome(result: Any) -> str:
    return "deferred" if result.__class__ is Deferred else "done"


def _raised(error: BaseException) -> str:
    return f"raised {type(error).__name__}: {said(error, 200)}"
