"""Crash reports: what is known of an abnormal end, as a value. When one is made is the crash desk's matter."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from actors.kernel.errors import StartError
from actors.kernel.exits import Crashed, ExitReason
from actors.kernel.messages import Call
from actors.kernel.redaction import said, scrubbed, summary
from actors.kernel.timers import TimerFired

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.ref import ActorRef

LONGEST_TRACE = 8_000
#: How many of those that fell along are named.
MOST_NAMES = 10
_MOST_ANCESTORS = 50
FROM_OUTSIDE: Final = "exit signal"
# Set on an exception that has its report, to whom it is in: a StartError that carries it up is no second crash.
_MARK: Final = "_evopipe_crash_of"


@dataclass(frozen=True, slots=True)
class CrashReport:
    """One abnormal end. Texts are bounded and scrubbed (see `redaction`); the message is told by its shape only.

    `during` says what failed: handler, deferred work, owned task, use of its file, on_start, on_stop, exit signal, or a
    link to nobody.
    `last_message` is the one whose handling failed, where there was one. `ancestors` goes from the root down to the
    parent. `uptime_s` is 0 for one that never started. Keep `facts()`, not the report: its `error` holds frames.
    """

    actor: str
    name: str | None
    actor_class: str
    reason: str
    during: str
    last_message: str | None
    restarts: int
    ancestors: tuple[str, ...]
    mailbox: int
    uptime_s: float
    #: Another actor that this very exception has ended before, when it came here with a call's answer.
    first_in: str | None
    #: Why it was ending already, when ending is what failed.
    ending_because: str | None
    error: BaseException | None = field(repr=False, compare=False)

    @property
    def trace(self) -> str:
        """The traceback with its causes, made when asked for; its last 8,000 characters. Empty without an exception."""
        if self.error is None:
            return ""
        told = traceback.TracebackException.from_exception(self.error)
        _without_marks(told)
        return scrubbed("".join(told.format()), LONGEST_TRACE, keep="end")

    def facts(self) -> Mapping[str, Any]:
        """All of it as plain data, free to be kept."""
        return {
            "actor": self.actor,
            "name": self.name,
            "actor_class": self.actor_class,
            "reason": self.reason,
            "during": self.during,
            "last_message": self.last_message,
            "restarts": self.restarts,
            "ancestors": list(self.ancestors),
            "mailbox": self.mailbox,
            "uptime_s": round(self.uptime_s, 3),
            "first_in": self.first_in,
            "ending_because": self.ending_because,
            "trace": self.trace,
        }


@dataclass(frozen=True, slots=True)
class CrashReported:
    """An actor has ended abnormally, by an error of its own and not by somebody else's end."""

    report: CrashReport


@dataclass(frozen=True, slots=True)
class ActorKilled:
    """An actor was killed itself, not by a link."""

    ref: ActorRef[Any]


@dataclass(frozen=True, slots=True)
class FateShared:
    """`count` actors have ended because `origin` did; `actors` are the first few of them."""

    origin: str
    reason: ExitReason
    count: int
    actors: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Note:
    """What is known where something fails, kept until the exit is over."""

    during: str
    message: str | None = None
    ending_because: str | None = None


def report_of(cell: Cell, reason: ExitReason, note: Note) -> CrashReport:
    """The report on `cell`, which has just ended and still has its mailbox. Marks the exception as reported."""
    error = reason.exception if isinstance(reason, Crashed) else None
    first_in = getattr(error, _MARK, None)
    never_ran = note.during == "on_start" or (note.during == FROM_OUTSIDE and not cell.started_at)
    report = CrashReport(
        actor=str(cell),
        name=cell.name,
        actor_class=f"{cell.actor_class.__module__}.{cell.actor_class.__qualname__}",
        reason=said(reason),
        during=note.during,
        last_message=note.message,
        restarts=cell.restarts,
        ancestors=_ancestors(cell),
        mailbox=cell.mailbox_length(),
        uptime_s=0.0 if never_ran else cell.kernel.clock.now() - cell.started_at,
        first_in=first_in if first_in != str(cell) else None,
        ending_because=note.ending_because,
        error=error,
    )
    if error is not None:
        with suppress(Exception):  # foreign exceptions may refuse it; then it is reported where it comes next
            setattr(error, _MARK, str(cell))
    return report


def shape_of(item: Any) -> str | None:
    """What a report says of a mailbox entry."""
    if item is None:
        return None
    if isinstance(item, Call):
        return summary(item.message)
    return summary(item.timer.message) if isinstance(item, TimerFired) else summary(item)


def _without_marks(told: traceback.TracebackException) -> None:
    """Takes the columns out, for which each line would be parsed again to be underlined: half of what a trace costs."""
    left: list[traceback.TracebackException | None] = [told]
    while left:
        one = left.pop()
        if one is not None:
            for frame in one.stack:
                frame.colno = None
            left += (one.__cause__, one.__context__, *(one.exceptions or ()))


def _ancestors(cell: Cell) -> tuple[str, ...]:
    names: list[str] = []
    above = cell.parent
    while above is not None and len(names) < _MOST_ANCESTORS:
        names.append(str(above))
        above = above.parent
    return tuple(reversed(names))


def reported_in(error: StartError) -> str | None:
    """Whose crash report holds what made the start fail, however many supervisors it went through."""
    innermost: BaseException = error
    while isinstance(innermost, StartError) and isinstance(innermost.reason, Crashed):
        innermost = innermost.reason.exception
    found = getattr(innermost, _MARK, None)
    return found if isinstance(found, str) else None
