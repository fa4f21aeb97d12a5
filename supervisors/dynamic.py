"""`DynamicSupervisor`: children on demand, in no order, each restarted on its own. Elixir's DynamicSupervisor."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, ClassVar

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
    Shutdown,
    StartChild,
    StartError,
    SupervisorEscalated,
    TerminateChild,
    WhichChildren,
)
from supervisors.backoff import Backoff
from supervisors.intensity import RestartWindow
from supervisors.spec_rules import check_options, check_spec
from supervisors.stopping import stop_children
from supervisors.strategy import should_restart


@dataclass(slots=True, eq=False)
class _Child:
    spec: ChildSpec
    ref: ActorRef[Any] | None = None
    restarts: int = 0
    wanted: bool = True


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
        self._max_children = max_children
        self._backoff = backoff
        self._window = RestartWindow(max_restarts, max_seconds)
        self._by_ref: dict[ActorRef[Any], _Child] = {}
        self._waiting: set[_Child] = set()  # being started or restarted: they hold a place but have no live ref
        self._ending = False

    async def on_stop(self) -> None:
        self._ending = True
        self._waiting.clear()
        children = list(self._by_ref.values())
        self._by_ref.clear()
        await stop_children(
            self.kernel,
            self.ref,
            [(c.ref, c.spec.effective_shutdown) for c in children if c.ref is not None],
        )

    def on_receive(self, message: Any) -> Any:
        match message:
            case StartChild(spec):
                return self._add(spec)
            case Exit():
                self._child_ended(message)
            case _Restart(child, reason):
                self._restart_now(child, reason)
            case TerminateChild(child):
                return self.defer(self._terminate(child))
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
        self._waiting.add(child)
        try:
            pending = self._begin(child)
        except KernelError:
            self._waiting.discard(child)
            raise
        return self._started(child) if pending is None else self.defer(self._add_slowly(child, pending))

    async def _add_slowly(self, child: _Child, pending: Coroutine[Any, Any, None]) -> ActorRef[Any] | None:
        try:
            await pending
        except BaseException:
            self._waiting.discard(child)
            raise
        return self._started(child)

    def _begin(self, child: _Child) -> Coroutine[Any, Any, None] | None:
        spec = child.spec
        cell, starting = self.kernel.create(
            spec.actor_class, spec.args, spec.kwargs, name=spec.name, link_to=self.ref, parent=self.ref
        )
        cell.restarts = child.restarts
        child.ref = cell.ref
        return self.kernel.finish_start(cell, spec.start_timeout_s) if starting else None

    def _started(self, child: _Child) -> ActorRef[Any] | None:
        self._waiting.discard(child)
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
        if child is None or self._ending:
            return
        child.ref = None
        if should_restart(child.spec.restart, message.reason):
            self._waiting.add(child)
            self._restart(child, message.reason)

    def _restart(self, child: _Child, reason: ExitReason) -> None:
        child.restarts += 1
        if self._backoff is not None:
            self.tell_after(self._backoff.delay_s(child.restarts, self.kernel.rng), _Restart(child, reason))
        else:
            self._restart_now(child, reason)

    def _restart_now(self, child: _Child, reason: ExitReason) -> None:
        if self._ending or child not in self._waiting:
            return
        if not self._window.admit(self.kernel.clock.now()):
            self._escalate(child, reason)
            return
        try:
            pending = self._begin(child)
        except StartError as error:
            self.tell_after(0.0, _Restart(child, error.reason))
            return
        if pending is None:
            self._restarted(child, reason)
        else:
            self.spawn_task(self._restart_slowly(child, pending, reason))

    async def _restart_slowly(self, child: _Child, pending: Coroutine[Any, Any, None], reason: ExitReason) -> None:
        try:
            await pending
        except StartError as error:
            self.tell_after(0.0, _Restart(child, error.reason))
            return
        self._restarted(child, reason)

    def _restarted(self, child: _Child, reason: ExitReason) -> None:
        if self._started(child) is not None:
            self.kernel.events.publish(ChildRestarted(str(self), child.spec.id, reason))

    def _escalate(self, child: _Child, reason: ExitReason) -> None:
        self._ending = True
        self._waiting.discard(child)
        self.kernel.events.publish(SupervisorEscalated(str(self), child.spec.id, reason))
        self.ref.exit(
            Shutdown(
                f"{self}: more than {self._window.max_restarts} restarts in {self._window.max_seconds:g} s, "
                f"the last of {child.spec.id} ({reason})"
            )
        )

    # ---- children ------------------------------------------------------------------------------------------

    async def _terminate(self, which: str | ActorRef[Any]) -> None:
        found = [c for c in (*self._by_ref.values(), *self._waiting) if which in (c.spec.id, c.ref)]
        if not found:
            raise NotFound(which)
        for child in found:
            child.wanted = False
            self._waiting.discard(child)
            ref = child.ref
            if ref is not None:
                self._by_ref.pop(ref, None)
                await stop_children(self.kernel, self.ref, [(ref, child.spec.effective_shutdown)])

    def _which(self) -> tuple[ChildInfo, ...]:
        live = [ChildInfo(c.spec.id, c.ref, c.spec.type, c.restarts) for c in self._by_ref.values()]
        waiting = [ChildInfo(c.spec.id, "restarting", c.spec.type, c.restarts) for c in self._waiting]
        return (*live, *waiting)

    def _count(self) -> ChildCounts:
        children = [*self._by_ref.values(), *self._waiting]
        supervisors = sum(c.spec.type == "supervisor" for c in children)
        return ChildCounts(len(children), len(self._by_ref), supervisors, len(children) - supervisors)
