"""The breeding desk: takes orders, starts a chamber for each, knows how far they are, and goes on with what a stopped
node left unfinished.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actors.evolution.errors import (
    EvolutionError,
    EvolutionNotStartedError,
    EvolutionStillRunningError,
    EvolutionSwitchedOffError,
    InvalidOrderError,
    LedgerError,
    NoSuchEvolutionError,
    TooManyEvolutionsError,
)
from actors.evolution.limits import check_order
from actors.evolution.messages import (
    ENDED,
    AwaitEvolution,
    CallOff,
    CancelEvolution,
    EvolutionState,
    EvolutionStatus,
    EvolutionsUnder,
    Evolve,
    GetEvolution,
    ListEvolutions,
)
from actors.evolution.names import chamber_name, tree_name
from actors.evolution.progress import Progress, state_of
from actors.evolution.shelf import Shelf
from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    CallTimeout,
    ChildSpec,
    Down,
    KernelError,
    MonitorRef,
    NotFound,
    Reply,
    StartChild,
    TerminateChild,
)
from actors.killswitch import KillView
from pipelines.guardrails import Subject, Switch
from pipelines.language import LanguageError, resolve_inputs

START_TIMEOUT_S = 30.0
CALL_OFF_TIMEOUT_S = 2.0
LOST_AFTER_S = 2.0
MAX_KNOWN = 200


@dataclass(frozen=True, slots=True)
class _GoOn:
    """To itself after a start: chambers that a stopped node left unfinished are started again."""

    orders: tuple[tuple[str, Evolve], ...]


@dataclass(frozen=True, slots=True)
class _Overdue:
    waiter: Reply
    evolution_id: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _IsItLost:
    """To itself, some time after a chamber ended: either its supervisor has restarted it by now, or it is gone."""

    evolution_id: str
    reason: str


class BreedingDesk(Actor):
    """Answers `Evolve`, `AwaitEvolution`, `GetEvolution`, `ListEvolutions`, `CancelEvolution`.

    `chamber_child_spec(evolution_id, order, directory)` gives what is started under the DynamicSupervisor "evolution":
    a supervisor with the chamber and its organisms' supervisor, or the chamber itself. At most `max_live` evolve at a
    time. Ledgers are under `<state_dir>/evolution/<id>/`. After a restart of the desk running chambers go on untouched;
    after a restart of the node unfinished evolutions go on from their last generation.
    """

    expected_errors = (EvolutionError, LanguageError)

    def __init__(
        self,
        state_dir: str | Path,
        chamber_child_spec: Callable[[str, Evolve, Path], ChildSpec],
        *,
        max_live: int = 8,
        supervisor: str = "evolution",
        kill_view: KillView | None = None,
    ) -> None:
        super().__init__()
        self._shelf = Shelf(Path(state_dir) / "evolution")
        self._chamber_child_spec = chamber_child_spec
        self._max_live = max_live
        self._supervisor = supervisor
        self._kill_view = kill_view or KillView()
        self._states: dict[str, EvolutionState] = {}
        self._waiters: dict[str, list[Reply]] = {}
        self._watched: dict[MonitorRef, str] = {}

    async def on_start(self) -> None:
        found = await asyncio.to_thread(self._shelf.newest, MAX_KNOWN)
        unfinished: list[tuple[str, Evolve]] = []
        for state, order in found:
            self._states[state.evolution_id] = state
            if order is not None and state.status == "running":
                unfinished.append((state.evolution_id, order))
        if unfinished:
            self.ref.tell(_GoOn(tuple(unfinished)))

    async def on_receive(self, message: Any) -> Any:
        match message:
            case Evolve():
                return await self._evolve(message)
            case EvolutionState():
                self._learn(message)
            case AwaitEvolution(evolution_id, timeout_s):
                self._await(evolution_id, timeout_s)
            case GetEvolution(evolution_id):
                return self._known(evolution_id)
            case ListEvolutions():
                return tuple(self._states.values())
            case EvolutionsUnder(switch):
                return self._under(switch)
            case CancelEvolution(evolution_id):
                return await self._cancel(evolution_id)
            case Down(monitor, _, reason):
                evolution_id = self._watched.pop(monitor, "")
                self.tell_after(LOST_AFTER_S, _IsItLost(evolution_id, str(reason)))
            case _IsItLost(evolution_id, reason):
                await self._look_for(evolution_id, reason)
            case _Overdue(waiter, evolution_id, timeout_s):
                self._give_up(waiter, evolution_id, timeout_s)
            case _GoOn(orders):
                await self._go_on(orders)
            case _:
                return super().on_receive(message)
        return None

    # ---- orders -------------------------------------------------------------------------------------------

    async def _evolve(self, order: Evolve) -> str:
        check_order(order)
        switch = self._kill_view.blocked(order.pipeline.name, subject=order.subject)
        if switch is not None:
            raise EvolutionSwitchedOffError(f"{switch}. Fix: arm it again once the cause is gone")
        resolve_inputs(order.pipeline, order.inputs)
        live = sum(state.status not in ENDED for state in self._states.values())
        if live >= self._max_live:
            raise TooManyEvolutionsError(f"{live} evolutions are live already, which is the limit")
        evolution_id = order.evolution_id or f"evolution-{self.kernel.rng.getrandbits(48):012x}"
        if evolution_id in self._states:
            raise InvalidOrderError(f"there is an evolution {evolution_id!r} already. Fix: choose another id")
        await self._start(evolution_id, order)
        return evolution_id

    async def _start(self, evolution_id: str, order: Evolve) -> None:
        directory = self._shelf.directory(evolution_id)
        spec = self._chamber_child_spec(evolution_id, order, directory)
        self._states.setdefault(evolution_id, state_of(evolution_id, order, Progress(), str(directory)))
        try:
            started = await self.kernel.ref(self._supervisor).call(StartChild(spec), timeout_s=START_TIMEOUT_S)
        except KernelError as error:
            del self._states[evolution_id]
            raise EvolutionNotStartedError(f"{type(error).__name__}: {error}") from error
        self._watched[self.monitor(started)] = evolution_id
        self._forget_the_oldest()

    async def _go_on(self, orders: tuple[tuple[str, Evolve], ...]) -> None:
        for evolution_id, order in orders:
            # The whole tree and not its chamber, which may be in the middle of a restart.
            tree = self.kernel.registry.whereis(tree_name(evolution_id))
            if tree is not None:
                self._watched[self.monitor(tree)] = evolution_id
                continue
            known = self._states[evolution_id]
            try:
                await self._start(evolution_id, order)
            except EvolutionNotStartedError as error:
                self._learn(replace(known, status="failed", reason=f"it could not go on: {error}"))

    async def _cancel(self, evolution_id: str) -> EvolutionState:
        state = self._known(evolution_id)
        if state.status in ENDED:
            return state
        try:
            await self._call_off(evolution_id)
            await self.kernel.ref(self._supervisor).call(TerminateChild(evolution_id), timeout_s=START_TIMEOUT_S)
        except NotFound:
            pass  # it has ended in this moment; its ledger says how
        except KernelError as error:
            raise EvolutionError(f"evolution {evolution_id!r} could not be ended: {error}") from error
        await self._close(evolution_id, "cancelled", "cancelled")
        return self._known(evolution_id)

    async def _call_off(self, evolution_id: str) -> None:
        """Has the runs in flight cancelled. Without a chamber to do it they end by their own time limits."""
        chamber = self.kernel.registry.whereis(chamber_name(evolution_id))
        if chamber is not None:
            with contextlib.suppress(ActorDeadError, CallTimeout):
                await chamber.call(CallOff(), timeout_s=CALL_OFF_TIMEOUT_S)

    async def _close(self, evolution_id: str, status: EvolutionStatus, reason: str) -> None:
        """Writes the end of an evolution whose chamber is gone, so that the next node does not go on with it."""
        kept = await asyncio.to_thread(self._shelf.end, evolution_id, status, reason)
        self._learn(kept or replace(self._known(evolution_id), status=status, reason=reason))

    # ---- what is known ------------------------------------------------------------------------------------

    def _known(self, evolution_id: str) -> EvolutionState:
        state = self._states.get(evolution_id)
        if state is None:
            raise NoSuchEvolutionError(evolution_id)
        return state

    def _under(self, switch: Switch) -> tuple[str, ...]:
        view = KillView({switch.key: switch})
        live = (state for state in self._states.values() if state.status not in ENDED)
        return tuple(
            state.evolution_id
            for state in live
            if view.blocked(state.pipeline_name, subject=Subject(state.tenant, evolution=True))
        )

    def _learn(self, state: EvolutionState) -> None:
        known = self._states.get(state.evolution_id)
        if known is not None and known.status in ENDED:
            return
        self._states[state.evolution_id] = state
        if state.status in ENDED:
            for waiter in self._waiters.pop(state.evolution_id, []):
                waiter.set(state)

    def _await(self, evolution_id: str, timeout_s: float) -> None:
        state = self._known(evolution_id)
        waiter = self.later()
        if state.status in ENDED:
            waiter.set(state)
            return
        self._waiters.setdefault(evolution_id, []).append(waiter)
        self.tell_after(timeout_s, _Overdue(waiter, evolution_id, timeout_s))

    def _give_up(self, waiter: Reply, evolution_id: str, timeout_s: float) -> None:
        waiting = self._waiters.get(evolution_id, [])
        if waiter in waiting:
            waiting.remove(waiter)
            waiter.fail(EvolutionStillRunningError(f"{evolution_id!r} did not end within {timeout_s:g} s and goes on"))

    async def _look_for(self, evolution_id: str, reason: str) -> None:
        state = self._states.get(evolution_id)
        if state is None or state.status in ENDED:
            return
        tree: ActorRef[Any] | None = self.kernel.registry.whereis(tree_name(evolution_id))
        if tree is not None:
            self._watched[self.monitor(tree)] = evolution_id
            return
        why = f"its chamber is gone: {reason}"
        try:
            await self._close(evolution_id, "failed", why)
        except LedgerError:
            self._learn(replace(state, status="failed", reason=why))

    def _forget_the_oldest(self) -> None:
        for evolution_id, state in list(self._states.items()):
            if len(self._states) <= MAX_KNOWN:
                return
            if state.status in ENDED:
                del self._states[evolution_id]
