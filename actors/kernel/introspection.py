"""Looking inside live actors and holding them up, as OTP's `sys` and `observer` do.

`inspect` reads the control block and disturbs nobody: no message, no waiting, also of an actor that hangs. Nothing here
tells the text of a message or of an attribute (see `redaction`). All of it is for the loop's thread.

A suspended actor takes no user messages; those wait in its mailbox under its usual bound, its callers until their
deadline. Exits, links and monitors reach it as ever, so its supervisor can stop it and anybody can kill it. What it had
begun goes on, a `stop` waits in the mailbox, and the next incarnation is not suspended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from actors.kernel.crash_report import shape_of
from actors.kernel.dormancy import Dormancy
from actors.kernel.errors import ActorDeadError
from actors.kernel.exits import NoProcess
from actors.kernel.facts import bounded_facts
from actors.kernel.redaction import summary
from actors.kernel.ties import tied
from actors.kernel.timers import Timer
from actors.kernel.tracing import MOST_KEPT, Trace, TracedMessage, trace_of
from actors.kernel.whereabouts import line_of_coroutine, line_of_thread

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.kernel import Kernel
    from actors.kernel.ref import ActorRef

#: How many links, monitors, timers and tasks are named; their count is always exact.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """How many there are, and the first of them by name."""

    count: int
    first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What an actor is doing now. `what` is idle, on_start, handler or on_stop.

    `message` is the shape of the one it is at work on, `since_s` how long ago that handler began, `calling` the actor
    whose answer it awaits, `where` the line at which it waits.
    """

    what: Literal["idle", "on_start", "handler", "on_stop"]
    message: str | None = None
    since_s: float | None = None
    calling: str | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class ActorReport:
    """One live actor at one moment. `status` is starting, running, suspended, asleep or exiting.

    `state` is what `Actor.describe` says, bounded. `trace` is None unless it is traced. `owes` counts the replies that
    its deferred work will bring.
    """

    label: str
    id: int
    name: str | None
    actor_class: str
    status: str
    suspended: bool
    uptime_s: float
    mailbox: int
    mailbox_limit: int
    mailbox_policy: str
    restarts: int
    parent: str | None
    links: Listed
    monitors: Listed
    monitored_by: Listed
    timers: Listed
    tasks: Listed
    owes: int
    activity: Activity
    state: Mapping[str, str]
    trace: tuple[TracedMessage, ...] | None


def find(kernel: Kernel, who: str) -> ActorRef[Any] | None:
    """The live actor with this registered name, or with this label (`StepActor#12`); None when there is none."""
    named = kernel.registry.whereis(who)
    if named is not None:
        return named
    class_name, mark, number = who.rpartition("#")
    if not (mark and number.isascii() and number.isdigit() and len(number) < 20):
        return None
    cell = kernel.cell(int(number))
    return cell.ref if cell is not None and cell.actor_class.__name__ == class_name else None


def inspect(ref: ActorRef[Any]) -> ActorReport:
    """What is known of the actor now. Raises `ActorDeadError` when it is not there."""
    cell = _live(ref)
    started = cell.status != "starting"
    seen = _trace(cell)
    return ActorReport(
        label=str(cell),
        id=cell.id,
        name=cell.name,
        actor_class=cell.actor_class.__qualname__,
        status=status_of(cell),
        suspended=cell.suspended,
        uptime_s=cell.kernel.clock.now() - cell.started_at if started else 0.0,
        mailbox=cell.mailbox_length(),
        mailbox_limit=cell.actor_class.mailbox_limit,
        mailbox_policy=cell.actor_class.mailbox_policy,
        restarts=cell.restarts,
        parent=None if cell.parent is None else str(cell.parent),
        links=_listed(tied(cell)),
        monitors=_listed([monitor.target for monitor in cell.watching or ()]),
        monitored_by=_listed((cell.watched_by or {}).values()),
        timers=_listed([_timer(timer) for timer in cell.timers or ()]),
        tasks=_listed([_task(task) for task in cell.owned or ()]),
        owes=len(cell.pending or ()),
        activity=_activity(cell, seen),
        state={} if cell.actor is None else bounded_facts(cell.actor.describe),
        trace=None if seen is None else seen.messages(),
    )


def status_of(cell: Cell) -> str:
    """The status as people see it."""
    if cell.status != "running":
        return cell.status
    if cell.suspended:
        return "suspended"
    return "asleep" if cell.actor is None else "running"


def suspend(ref: ActorRef[Any]) -> None:
    """Lets no further user message be handled until `resume`. Raises `ActorDeadError`; twice is once."""
    _live(ref).suspended = True


def resume(ref: ActorRef[Any]) -> None:
    """Goes on with what waits in the mailbox. Raises `ActorDeadError`; nothing happens to one that is not suspended."""
    cell = _live(ref)
    cell.suspended = False
    if cell.mailbox_length() and cell.status == "running" and cell.task is None and not cell.scheduled:
        cell.scheduled = True
        cell.kernel.ready(cell)


def trace(ref: ActorRef[Any], keep: int = 50) -> None:
    """Keeps the actor's last `keep` messages from now on, for `inspect`; a trace that is on is resized.

    Raises `ActorDeadError`, and `ValueError` unless `keep` is from 1 to `MOST_KEPT`. An actor that is still in its
    `on_start` can be traced too.
    """
    if not 1 <= keep <= MOST_KEPT:
        raise ValueError(f"keep must be from 1 to {MOST_KEPT}, not {keep}")
    cell = _live(ref)
    present = _trace(cell)
    if present is not None:
        present.resize(keep)
    elif cell.actor is not None:
        Trace(cell, keep).attach(cell.actor)
    elif isinstance(cell.idle, Dormancy):
        cell.idle.trace = Trace(cell, keep)


def untrace(ref: ActorRef[Any]) -> None:
    """Ends the trace and drops what it kept. Raises `ActorDeadError`; nothing happens to one that is not traced."""
    cell = _live(ref)
    present = _trace(cell)
    if present is not None and cell.actor is not None:
        present.detach(cell.actor)
    if isinstance(cell.idle, Dormancy):
        cell.idle.trace = None


def _live(ref: ActorRef[Any]) -> Cell:
    cell = ref.resolve()
    if cell is None or cell.status == "dead":
        raise ActorDeadError(str(ref), NoProcess() if cell is None else cell.reason or NoProcess())
    return cell


def _trace(cell: Cell) -> Trace | None:
    if cell.actor is not None:
        return trace_of(cell.actor)
    return cell.idle.trace if isinstance(cell.idle, Dormancy) else None


def _activity(cell: Cell, seen: Trace | None) -> Activity:
    calling = None if cell.waiting_on is None else str(cell.waiting_on)
    if cell.status == "exiting":
        return Activity("on_stop", calling=calling, where=_where(cell, cell.terminator))
    if cell.task is None:
        return Activity("idle")
    if cell.status == "starting":
        return Activity("on_start", calling=calling, where=_where(cell, cell.task))
    work = None if seen is None else seen.work  # behind it, the task's own chain of awaits cannot be followed
    return Activity(
        "handler",
        shape_of(cell.item),
        cell.kernel.clock.now() - cell.since,
        calling,
        _where(cell, cell.task) if work is None else line_of_thread(cell) or line_of_coroutine(work),
    )


def _where(cell: Cell, task: asyncio.Task[Any] | None) -> str | None:
    if task is None or task.done():
        return None
    return line_of_thread(cell) or line_of_coroutine(task.get_coro())


def _task(task: asyncio.Task[Any]) -> str:
    return line_of_coroutine(task.get_coro()) or task.get_name()


def _timer(timer: Timer) -> str:
    often = "once" if timer.interval_s is None else f"every {timer.interval_s:g} s"
    return f"{summary(timer.message)} {often}"


def _listed(things: Iterable[object]) -> Listed:
    every = list(things)
    return Listed(len(every), tuple(str(thing) for thing in every[:MOST_NAMED]))
