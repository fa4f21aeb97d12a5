"""The kernel: starts actors, gives them their turns, and holds what they share (clock, chance, names, events).

One kernel per event loop. Everything here runs on the loop's thread, except where a docstring says otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from actors.kernel import init, links, termination
from actors.kernel.cell import Cell
from actors.kernel.clock import Clock, LoopClock
from actors.kernel.cores import cores_here
from actors.kernel.crash_desk import CrashDesk
from actors.kernel.deadlines import Deadlines
from actors.kernel.dormancy import Dormancy
from actors.kernel.errors import DeadlockError, KernelClosedError, StartError
from actors.kernel.events import ActorStarted, EventBus
from actors.kernel.exit_queue import ExitQueue
from actors.kernel.exits import Crashed, NoProcess, Normal, Shutdown
from actors.kernel.messages import IGNORE
from actors.kernel.name_ref import NameRef
from actors.kernel.owned import is_coroutine
from actors.kernel.ref import ActorRef
from actors.kernel.registry import Registry
from actors.kernel.run_queue import RunQueue
from actors.kernel.tasks import Tasks

if TYPE_CHECKING:
    from actors.kernel.actor import Actor

A = TypeVar("A", bound="Actor")

_SHUTDOWN_ROUNDS_S = 5.0
_BLOCKING_START_S = 60.0


class Kernel:
    """The runtime of one event loop's actors. Make it inside the running loop."""

    _latest: ClassVar[weakref.ref[Kernel] | None] = None

    def __init__(self, clock: Clock | None = None, rng: random.Random | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.thread_id = threading.get_ident()
        self.clock: Clock = clock or LoopClock(self.loop)
        self.rng = rng or random.Random()
        self.registry = Registry()
        self.events = EventBus()
        self.crashes = CrashDesk(self)
        self.deadlines = Deadlines(self)
        self.current: Cell | None = None
        self.closed = False
        #: Where the loop's thread and those of `OwnThread` run.
        self.cores = cores_here()
        #: Gives the next actor its number.
        self.next_id = itertools.count(1).__next__
        #: Makes the ref of a control block.
        self.new_ref: Callable[[Cell], ActorRef[Any]] = partial(ActorRef, self)
        self._cells: dict[int, Cell] = {}
        #: Lines an actor up for its next turn. Bound, not called through: each message passes here.
        self.ready = RunQueue(self.loop).ready
        tasks, exits = Tasks(self.loop), ExitQueue(self.crashes.settled)
        self._tasks = tasks.unfinished
        #: Runs a coroutine as a task of an actor; see `Tasks.start`. Bound, as the two below: each actor's end and each
        #: handler that waits passes here.
        self.start_task = tasks.start
        self.queue_exit, self.work_off_exits = exits.add, exits.work_off
        Kernel._latest = weakref.ref(self)

    @classmethod
    def latest(cls) -> Kernel:
        """The kernel made last in this process, for pykka's `Actor.start`."""
        kernel = None if cls._latest is None else cls._latest()
        if kernel is None or kernel.closed:
            raise KernelClosedError("no kernel is running in this process")
        return kernel

    # ---- starting ------------------------------------------------------------------------------------------

    async def spawn(
        self,
        actor_class: type[A],
        *args: Any,
        name: str | None = None,
        link_to: ActorRef[Any] | None = None,
        parent: ActorRef[Any] | None = None,
        start_timeout_s: float | None = None,
        passivate_after_s: float | None = None,
        **kwargs: Any,
    ) -> ActorRef[A]:
        """Starts an actor and returns its ref once `on_start` has finished.

        Raises `StartError` (with the exit reason) when init fails or does not finish in `start_timeout_s`,
        `NameTakenError` when the name is held. An actor that chose IGNORE comes back as a dead ref with reason
        `Normal`. Idle for `passivate_after_s` seconds, it sleeps until its next message (see `dormancy`).
        """
        cell, starting = self.create(
            actor_class,
            args,
            kwargs,
            name=name,
            link_to=link_to,
            parent=parent,
            passivate_after_s=passivate_after_s,
        )
        if starting:
            await self.finish_start(cell, start_timeout_s)
        return cell.ref

    def create(
        self,
        actor_class: type[A],
        args: tuple[Any, ...],
        kwargs: Any,
        *,
        name: str | None,
        link_to: ActorRef[Any] | None,
        parent: ActorRef[Any] | None,
        passivate_after_s: float | None = None,
    ) -> tuple[Cell, bool]:
        """The part of a start that needs no waiting. True: an async `on_start` runs now, and somebody must
        `finish_start`.
        """
        if self.closed:
            raise KernelClosedError(f"{actor_class.__name__} cannot start: the kernel is shut down")
        parent_cell = parent.resolve() if parent is not None else None
        cell = Cell(self, actor_class, parent_cell)
        if name is not None:
            self.registry.register(name, cell)
        self._cells[cell.id] = cell
        if link_to is not None:
            target = parent_cell if link_to is parent else link_to.resolve()
            cell.starter = target
            links.link(cell, target if target is not None else self.dead_cell(str(link_to)))
            if cell.reason is not None:
                raise StartError(str(cell), cell.reason)
        if passivate_after_s is not None:
            cell.idle = Dormancy(cell, passivate_after_s, args, kwargs)
        previous, self.current = self.current, cell
        try:
            actor = actor_class.__new__(actor_class)
            cell.actor = actor
            actor.bind(cell)
            actor.__init__(*args, **kwargs)
            result = actor.start_hook()
        except BaseException as error:
            init.undo(cell, Crashed(error))
            raise StartError(str(cell), Crashed(error)) from error
        finally:
            self.current = previous
        if result is not None and is_coroutine(result):
            if cell.reason is not None:  # it ended itself before its first await
                result.close()
                raise StartError(str(cell), cell.reason)
            cell.task = self.start_task(init.guarded(result), cell, handler=True, inner=result)  # pyright: ignore[reportUnknownArgumentType]
            return cell, True
        self._started(cell, result)
        return cell, False

    async def finish_start(self, cell: Cell, start_timeout_s: float | None) -> None:
        """Waits for the async `on_start` that `create` began. Raises `StartError`; then nothing of the actor is left.

        An init that outlives its deadline or a kill is cut off, and abandoned if it will not go.
        """
        self._started(cell, await init.wait_for(cell, start_timeout_s))

    def init_succeeded(self, task: asyncio.Task[Any]) -> bool:
        """Whether this finished `on_start` came to a good end."""
        return init.succeeded(task)

    def _started(self, cell: Cell, result: Any) -> None:
        if cell.reason is not None:  # a link's end reached it during init
            raise StartError(str(cell), cell.reason)
        if isinstance(result, init.Failure):
            reason = Crashed(result.error)
            init.undo(cell, reason)
            raise StartError(str(cell), reason) from result.error
        if result is IGNORE:
            init.undo(cell, Normal())
            return
        cell.starter = None
        cell.status = "running"
        cell.started_at = self.clock.now()
        if self.events.hears(ActorStarted):
            self.events.publish(ActorStarted(cell.ref))
        if (cell.queue or cell.system) and not cell.scheduled:
            cell.scheduled = True
            self.ready(cell)

    def spawn_blocking(self, actor_class: type[A], *args: Any, **kwargs: Any) -> ActorRef[A]:
        """`spawn` for other threads: blocks until the actor has started. Raises as `spawn` does."""
        if self.loop.is_closed():
            raise KernelClosedError("the event loop of this kernel is closed")
        if threading.get_ident() == self.thread_id:
            raise DeadlockError(("the event loop", "the event loop"), "use `await kernel.spawn(...)` on the loop")
        starting = asyncio.run_coroutine_threadsafe(self.spawn(actor_class, *args, **kwargs), self.loop)
        try:
            return starting.result(timeout=_BLOCKING_START_S)
        except BaseException:
            starting.cancel()
            raise

    # ---- refs ----------------------------------------------------------------------------------------------

    def ref(self, name: str) -> NameRef:
        """A ref that means whoever holds `name` at each send."""
        return NameRef(self, name)

    def actors(self) -> Iterator[ActorRef[Any]]:
        """All live actors, oldest first."""
        return iter([cell.ref for cell in self._cells.values()])

    def cells(self) -> Iterator[Cell]:
        """All live control blocks, for introspection."""
        return iter(list(self._cells.values()))

    def cell(self, actor_id: int) -> Cell | None:
        """The live control block with this id, for introspection."""
        return self._cells.get(actor_id)

    @property
    def live(self) -> int:
        """How many actors live."""
        return len(self._cells)

    def dead_cell(self, name: str) -> Cell:
        """Stands for an actor that is not there, so that links and monitors of it have something to name."""
        cell = Cell(self, _nobody(), None)
        cell.name = name
        cell.status = "dead"
        cell.reason = NoProcess()
        cell.bury()
        return cell

    # ---- tasks ---------------------------------------------------------------------------------------------

    def call_soon_threadsafe(self, callback: Any, *args: Any) -> None:
        """Runs `callback` on the loop; from any thread. Raises `KernelClosedError` when the loop is gone."""
        try:
            self.loop.call_soon_threadsafe(callback, *args)
        except RuntimeError as error:
            raise KernelClosedError("the event loop of this kernel is closed") from error

    @property
    def tasks(self) -> frozenset[asyncio.Task[Any]]:
        """The unfinished tasks of all actors."""
        return frozenset(self._tasks)

    # ---- ends ----------------------------------------------------------------------------------------------

    def forget(self, cell: Cell) -> None:
        self._cells.pop(cell.id, None)
        self.registry.release(cell)

    def unlink(self, one: Cell, other: Cell) -> None:
        """Cuts a link from outside both actors; for supervisors that end a child on purpose."""
        links.unlink(one, other)

    async def shutdown(self, timeout_s: float = _SHUTDOWN_ROUNDS_S) -> None:
        """Ends all actors, parents before children (supervisors stop their own); kills what is left after
        `timeout_s`.
        """
        roots = [c for c in self._cells.values() if c.parent is None]
        for cell in reversed(roots):
            termination.begin_exit(cell, Shutdown("the kernel shuts down"))
        await self._wait_all(timeout_s)
        self.closed = True  # before the killing, or what ends now could start something new
        for cell in list(self._cells.values()):
            termination.begin_exit(cell, Shutdown("the kernel shuts down"), brutal=True)
        await self._wait_all(timeout_s)

    async def _wait_all(self, timeout_s: float) -> None:
        ends: list[asyncio.Future[Any]] = []
        for cell in self._cells.values():
            ended: asyncio.Future[Any] = self.loop.create_future()
            cell.add_stop_waiter(ended)
            ends.append(ended)
        if ends:
            await asyncio.wait(ends, timeout=timeout_s)
        if self._tasks:
            waiting = {t for t in self._tasks if t is not asyncio.current_task()}
            if waiting:
                await asyncio.wait(waiting, timeout=0.1)


def _nobody() -> type[Actor]:
    from actors.kernel.actor import Actor as Base  # noqa: PLC0415 - the actor module needs the kernel's types

    return Base
