"""`Supervisor`: a fixed, ordered set of children, restarted by one of OTP's three strategies."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from actors.kernel import (
    Actor,
    ActorRef,
    ChildRestarted,
    ChildSpec,
    CountChildren,
    DeleteChild,
    Exit,
    ExitReason,
    KernelError,
    RestartChild,
    Shutdown,
    StartChild,
    StartError,
    TerminateChild,
    WhichChildren,
)
from supervisors.backoff import Backoff
from supervisors.children import Child, check_absent, counts, infos, named, shuts_down, stopped
from supervisors.escalation import escalate
from supervisors.intensity import RestartWindow
from supervisors.spec_rules import check_options, check_spec, check_specs
from supervisors.starting import start_error, wait_for_name
from supervisors.stopping import ask_to_end, stop_children
from supervisors.strategy import AutoShutdown, Strategy, affected, should_restart


@dataclass(frozen=True, slots=True)
class _Restart:
    """A restart that is due: after a backoff, or once more after a failed try."""

    child_id: str
    reason: ExitReason
    attempt: int


class Supervisor(Actor):
    """Starts `children` in order, restarts them by `strategy`, stops them in reverse order.

    More than `max_restarts` within `max_seconds` ends the supervisor with `Shutdown` after stopping all children,
    and its parent decides. If a child fails to start, those started before it are stopped and the supervisor's own
    start fails. Answers StartChild, TerminateChild, RestartChild, DeleteChild, WhichChildren, CountChildren. OTP:
    `supervisor`.
    """

    trap_exit = True
    expected_errors: ClassVar[tuple[type[Exception], ...]] = (KernelError,)

    def __init__(
        self,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
        backoff: Backoff | None = None,
    ) -> None:
        super().__init__()
        check_options(strategy, auto_shutdown, max_restarts, max_seconds)
        check_specs(children)
        self._strategy: Strategy = strategy
        self._auto_shutdown: AutoShutdown = auto_shutdown
        self._backoff = backoff
        self._window = RestartWindow(max_restarts, max_seconds)
        self._children: dict[str, Child] = {spec.id: Child(spec) for spec in children}
        self._by_ref: dict[ActorRef[Any], Child] = {}  # or each crash would search through all siblings
        self._ending = False
        self._starting: tuple[ActorRef[Any], ChildSpec] | None = None

    def on_start(self) -> Any:
        """Plain as long as no child's start has to be waited for: a small tree is up within one turn."""
        children = iter(self._children.values())
        for child in children:
            try:
                pending = self._begin(child)
            except KernelError as error:
                return self._undo_start(start_error(f"{self}/{child.spec.id}", error))
            if pending is not None:
                return self._start_slowly(child, pending, children)
        return None

    async def _start_slowly(self, child: Child, pending: Coroutine[Any, Any, None], children: Iterator[Child]) -> None:
        starting = child
        try:
            await pending
            for starting in children:
                if self._ending:
                    return  # told to end meanwhile: on_stop sees to those that run
                await self._start(starting)
        except KernelError as error:
            await self._undo_start(start_error(f"{self}/{starting.spec.id}", error))

    async def _undo_start(self, error: StartError) -> None:
        await self._end(list(self._children)[::-1])
        raise error from error.__cause__

    def on_exit_request(self) -> None:
        """A child's start may wait for what is ending as well: it is ended by its policy instead of waited for."""
        self._ending = True
        if self._starting is None:
            return
        ref, spec = self._starting
        policy = spec.effective_shutdown
        if not ask_to_end(self.kernel, self.ref, ref, policy) and not isinstance(policy, str):
            self.kernel.clock.call_later(policy, ref.kill)

    def on_stop(self) -> Any:
        """Plain as long as every child ends at once when it is told to."""
        self._ending = True
        for child in reversed(self._children.values()):
            child.restarting = False
            ref = child.ref
            if ref is not None and not ask_to_end(self.kernel, self.ref, ref, child.spec.effective_shutdown):
                return self._end(list(self._children)[::-1])  # the last ones have ended, this one is waited for
            child.ref = None
        return None

    def on_receive(self, message: Any) -> Any:
        """A coroutine only for what has to wait, so that a child's end costs no task."""
        match message:
            case Exit():
                return self._child_ended(message)
            case _Restart():
                return self._restart_due(message)
            case StartChild(spec):
                return self._add(spec)
            case TerminateChild(child):
                return self._terminate(child)
            case RestartChild(child_id):
                return self._start_again(child_id)
            case DeleteChild(child_id):
                return self._delete(child_id)
            case WhichChildren():
                return infos(self._children)
            case CountChildren():
                return counts(self._children)
            case _:
                return super().on_receive(message)

    # ---- failures ------------------------------------------------------------------------------------------

    def _child_ended(self, message: Exit) -> Coroutine[Any, Any, None] | None:
        child = self._by_ref.pop(message.sender, None)
        if child is None or self._ending:
            return None
        child.ref, child.former = None, message.sender
        if should_restart(child.spec.restart, message.reason):
            return self._restart(child, message.reason)
        if child.spec.restart == "temporary":
            del self._children[child.spec.id]
        if child.spec.significant and shuts_down(self._auto_shutdown, self._children, child, message.reason):
            self._ending = True
            self.ref.exit(Shutdown(f"significant child {child.spec.id} ended"))
        return None

    async def _restart(self, child: Child, reason: ExitReason) -> None:
        child.restarts += 1
        child.restarting = True
        if self._backoff is not None:
            delay_s = self._backoff.delay_s(child.restarts, self.kernel.rng)
            self.tell_after(delay_s, _Restart(child.spec.id, reason, child.restarts))
        else:
            await self._restart_now(child, reason)

    async def _restart_due(self, due: _Restart) -> None:
        child = self._children.get(due.child_id)
        if child is not None and child.restarting and child.restarts == due.attempt and not self._ending:
            await self._restart_now(child, due.reason)

    async def _restart_now(self, child: Child, reason: ExitReason) -> None:
        if not self._window.admit(self.kernel.clock.now()):
            self._escalate(child, reason)
            return
        alone = self._strategy == "one_for_one"  # then the order of the siblings is not worth a list of them
        ids = affected(self._strategy, () if alone else list(self._children), child.spec.id)
        await self._end(ids[::-1])
        for child_id in ids:
            sibling = self._children.get(child_id)
            if self._ending:
                return
            if sibling is None or sibling.ref is not None:
                continue
            if sibling is not child and sibling.spec.restart == "temporary":
                del self._children[child_id]
                continue
            try:
                await self._start(sibling)
            except KernelError as error:
                sibling.restarting = True
                failure = start_error(f"{self}/{child_id}", error)
                self.tell_after(0.0, _Restart(child_id, failure.reason, sibling.restarts))
                return
            self.kernel.events.publish(ChildRestarted(str(self), child_id, reason, sibling.former, sibling.ref))
            sibling.former = None  # a dead ref holds what its actor left

    def _escalate(self, child: Child, reason: ExitReason) -> None:
        self._ending = True
        child.restarting = False
        escalate(self.kernel, self.ref, self._window, child.spec.id, reason)

    # ---- children ------------------------------------------------------------------------------------------

    async def _start(self, child: Child) -> None:
        pending = self._begin(child)
        if pending is not None:
            await pending

    def _begin(self, child: Child) -> Coroutine[Any, Any, None] | None:
        """Starts a child; what is left to be waited for, if its init waits. Raises `StartError`, as that does."""
        spec, ref = child.spec, self.ref
        former = None if spec.name is None else self.kernel.registry.find(spec.name)
        if former is not None and former.reason is not None:
            return self._start_after(former.ref, child)
        try:
            cell, starting = self.kernel.create(
                spec.actor_class,
                spec.args,
                spec.kwargs,
                name=spec.name,
                link_to=ref,
                parent=ref,
                passivate_after_s=spec.passivate_after_s,
            )
        except StartError as error:
            raise StartError(f"{self}/{spec.id}", error.reason) from error
        cell.restarts = child.restarts
        if starting:
            return self._finish_start(child, cell)
        self._started(child, cell.ref)
        return None

    async def _start_after(self, former: ActorRef[Any], child: Child) -> None:
        await wait_for_name(self.kernel, former, f"{self}/{child.spec.id}")
        await self._start(child)

    async def _finish_start(self, child: Child, cell: Any) -> None:
        self._starting = cell.ref, child.spec
        try:
            await self.kernel.finish_start(cell, child.spec.start_timeout_s)
        except StartError as error:
            raise StartError(f"{self}/{child.spec.id}", error.reason) from error
        finally:
            self._starting = None
        self._started(child, cell.ref)

    def _started(self, child: Child, ref: ActorRef[Any]) -> None:
        child.restarting = False
        child.ref = ref if ref.is_alive() else None
        if child.ref is not None:
            self._by_ref[ref] = child

    async def _end(self, ids: Sequence[str]) -> None:
        for child_id in ids:
            child = self._children.get(child_id)
            if child is None:
                continue
            child.restarting = False
            ref, child.ref = child.ref, None
            if ref is not None:
                self._by_ref.pop(ref, None)
                child.former = ref
                await stop_children(self.kernel, self.ref, [(ref, child.spec.effective_shutdown)])

    async def _add(self, spec: ChildSpec) -> ActorRef[Any] | None:
        check_spec(spec)
        check_absent(self._children, spec.id)
        child = Child(spec)
        await self._start(child)
        if child.ref is not None or spec.restart != "temporary":
            self._children[spec.id] = child
        return child.ref

    async def _terminate(self, which: str | ActorRef[Any]) -> None:
        child = named(self._children, which)
        await self._end([child.spec.id])
        if child.spec.restart == "temporary":
            del self._children[child.spec.id]

    async def _start_again(self, child_id: str) -> ActorRef[Any] | None:
        child = stopped(self._children, child_id)
        await self._start(child)
        return child.ref

    def _delete(self, child_id: str) -> None:
        stopped(self._children, child_id)
        del self._children[child_id]
