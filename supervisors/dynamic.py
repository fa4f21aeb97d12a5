"""`DynamicSupervisor`: children on demand, in no order, each restarted on its own. Elixir's DynamicSupervisor."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from msgspec import Struct

from actors.kernel import (
    Actor,
    ActorRef,
    ChildCounts,
    ChildInfo,
    ChildRestarted,
    ChildSpec,
    CountChildren,
    Exit,
    ExitReason,
    KernelError,
    MaxChildren,
    NotFound,
    Reply,
    Shutdown,
    StartChild,
    StartError,
    TerminateChild,
    WhichChildren,
)
from supervisors.backoff import Backoff
from supervisors.escalation import escalate
from supervisors.intensity import RestartWindow
from supervisors.spec_rules import check_max_children, check_options, check_spec
from supervisors.starting import start_error
from supervisors.stopping import ask_to_end, stop_children
from supervisors.strategy import should_restart


class _Child(Struct, eq=False):
    spec: ChildSpec
    ref: ActorRef[Any] | None = None
    restarts: int = 0
    wanted: bool = True
    former: ActorRef[Any] | None = None


@dataclass(frozen=True, slots=True)
class _Restart:
    child: _Child
    reason: ExitReason


class DynamicSupervisor(Actor):
    """Starts children with `StartChild`, at most `max_children` at a time; a slow init holds up nobody else.

    Ids need not be unique. A `temporary` child that ends leaves nothing behind; a `transient` one only after an
    abnormal end comes back. All children are stopped at the same time. Answers StartChild, TerminateChild (ref or
    id), WhichChildren, CountChildren.
    """

    trap_exit = True
    mailbox_limit = 100_000
    expected_errors: ClassVar[tuple[type[Exception], ...]] = (KernelError,)

    def __init__(
        self,
        *,
        max_children: int | None = None,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__()
        check_options("one_for_one", "never", max_restarts, max_seconds)
        check_max_children(max_children)
        self._max_children = max_children
        self._backoff = backoff
        self._window = RestartWindow(max_restarts, max_seconds)
        self._by_ref: dict[ActorRef[Any], _Child] = {}
        self._waiting: dict[_Child, None] = {}  # being started or restarted: they hold a place but have no live ref
        self._ending = False

    def on_stop(self) -> Any:
        """Plain when there is no child to wait for; the `Exit` of one that has ended may still be queued."""
        self._ending = True
        children = (*self._by_ref.values(), *self._waiting)
        self._by_ref.clear()
        self._waiting.clear()
        left = [c for c in children if c.ref is not None and c.ref.exit_reason is None]
        return self._stopping(left) if left else None

    def on_receive(self, message: Any) -> Any:
        if message.__class__ is StartChild:  # these two are nearly all that ever come
            return self._add(message.spec)
        if message.__class__ is Exit:
            self._child_ended(message)
            return None
        match message:
            case _Restart(child, reason):
                self._restart_now(child, reason)
            case TerminateChild(child):
                return self._terminate(child)
            case WhichChildren():
                return self._which()
            case CountChildren():
                return self._count()
            case _:
                return super().on_receive(message)
        return None

    # ---- starting ------------------------------------------------------------------------------------------

    def _add(self, spec: ChildSpec) -> Any:
        check_spec(spec)
        if self._max_children is not None and len(self._by_ref) + len(self._waiting) >= self._max_children:
            raise MaxChildren(self._max_children)
        child = _Child(spec)
        cell = self._begin(child)
        if cell is None:
            return self._started(child)
        self._waiting[child] = None
        # Not deferred: a caller that gives up must not leave half a child behind. As in OTP the child stays.
        self.spawn_task(self._add_slowly(child, cell, self.later()))
        return None

    async def _add_slowly(self, child: _Child, cell: Any, reply: Reply) -> None:
        try:
            await self.kernel.finish_start(cell, child.spec.start_timeout_s)
        except StartError as error:
            self._waiting.pop(child, None)
            reply.fail(error)
        else:
            reply.set(self._started(child))

    def _begin(self, child: _Child) -> Any:
        """Starts a child; the control block whose start is still to be finished, or None."""
        spec, ref = child.spec, self.ref
        cell, starting = self.kernel.create(
            spec.actor_class,
            spec.args,
            spec.kwargs,
            name=spec.name,
            link_to=ref,
            parent=ref,
            passivate_after_s=spec.passivate_after_s,
        )
        cell.restarts = child.restarts
        child.ref = cell.ref
        return cell if starting else None

    def _started(self, child: _Child) -> ActorRef[Any] | None:
        self._waiting.pop(child, None)
        ref = child.ref
        if ref is None or not ref.is_alive():
            return None
        if not child.wanted or self._ending:
            ref.exit(Shutdown("no longer wanted"))
            return None
        self._by_ref[ref] = child
        return ref

    # ---- failures ------------------------------------------------------------------------------------------

    def _child_ended(self, message: Exit) -> None:
        child = self._by_ref.pop(message.sender, None)
        if child is None or self._ending or not child.wanted:
            return
        child.ref, child.former = None, message.sender
        if should_restart(child.spec.restart, message.reason):
            self._waiting[child] = None
            self._restart(child, message.reason)

    def _restart(self, child: _Child, reason: ExitReason) -> None:
        child.restarts += 1
        if self._backoff is not None:
            self.tell_after(self._backoff.delay_s(child.restarts, self.kernel.rng), _Restart(child, reason))
        else:
            self._restart_now(child, reason)

    def _restart_now(self, child: _Child, reason: ExitReason) -> None:
        if self._ending or not child.wanted:
            return
        if not self._window.admit(self.kernel.clock.now()):
            self._escalate(child, reason)
            return
        try:
            cell = self._begin(child)
        except KernelError as error:
            self._try_again(child, start_error(child.spec.id, error))
            return
        if cell is None:
            self._restarted(child, reason)
        else:
            self.spawn_task(self._restart_slowly(child, cell, reason))

    async def _restart_slowly(self, child: _Child, cell: Any, reason: ExitReason) -> None:
        try:
            await self.kernel.finish_start(cell, child.spec.start_timeout_s)
        except StartError as error:
            self._try_again(child, error)
        else:
            self._restarted(child, reason)

    def _try_again(self, child: _Child, error: StartError) -> None:
        """A restart that failed comes to its turn again behind what waits already, and counts again."""
        child.ref = None
        if child.wanted:
            self.tell_after(0.0, _Restart(child, error.reason))
        else:
            self._waiting.pop(child, None)

    def _restarted(self, child: _Child, reason: ExitReason) -> None:
        if self._started(child) is not None:
            self.kernel.events.publish(ChildRestarted(str(self), child.spec.id, reason, child.former, child.ref))
            child.former = None  # a dead ref holds what its actor left

    def _escalate(self, child: _Child, reason: ExitReason) -> None:
        self._ending = True
        self._waiting.pop(child, None)
        escalate(self.kernel, self.ref, self._window, child.spec.id, reason)

    # ---- children ------------------------------------------------------------------------------------------

    def _terminate(self, which: str | ActorRef[Any]) -> None:
        found = self._find(which)
        if not found:
            raise NotFound(which)
        slow: list[_Child] = []
        for child in found:
            child.wanted = False
            ref = child.ref
            if ref is None or ask_to_end(self.kernel, self.ref, ref, child.spec.effective_shutdown):
                self._drop(child)
            else:
                slow.append(child)
        if slow:
            self.spawn_task(self._end_slowly(slow, self.later()))

    async def _end_slowly(self, children: list[_Child], reply: Reply) -> None:
        """They keep their places until they have ended."""
        await self._stopping(children)
        for child in children:
            self._drop(child)
        reply.set(None)

    def _stopping(self, children: Iterable[_Child]) -> Coroutine[Any, Any, None]:
        return stop_children(
            self.kernel, self.ref, [(c.ref, c.spec.effective_shutdown) for c in children if c.ref is not None]
        )

    def _drop(self, child: _Child) -> None:
        self._waiting.pop(child, None)
        if child.ref is not None:
            self._by_ref.pop(child.ref, None)

    def _find(self, which: str | ActorRef[Any]) -> list[_Child]:
        if not isinstance(which, ActorRef):
            return [c for c in (*self._by_ref.values(), *self._waiting) if c.spec.id == which]
        cell = which.resolve()
        live = None if cell is None else self._by_ref.get(cell.ref)
        return [live] if live is not None else [c for c in self._waiting if cell is not None and c.ref is cell.ref]

    def _which(self) -> tuple[ChildInfo, ...]:
        live = [ChildInfo(c.spec.id, c.ref, c.spec.type, c.restarts) for c in self._by_ref.values()]
        waiting = [ChildInfo(c.spec.id, "restarting", c.spec.type, c.restarts) for c in self._waiting]
        return (*live, *waiting)

    def _count(self) -> ChildCounts:
        children = [*self._by_ref.values(), *self._waiting]
        supervisors = sum(c.spec.type == "supervisor" for c in children)
        return ChildCounts(len(children), len(self._by_ref), supervisors, len(children) - supervisors)
