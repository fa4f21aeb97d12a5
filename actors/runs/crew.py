"""The StepActors of one run, as its PipelineActor sees them: begun, taken over, begun again, stopped."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    Down,
    NameTakenError,
    NotFound,
    Shutdown,
    StartChild,
    TerminateChild,
)
from actors.runs.frames import Start
from actors.runs.holding import subject_of
from actors.runs.messages import Restate
from actors.runs.names import pipeline_name, step_name, steps_name
from actors.runs.step_actor import step_child
from actors.runs.ticket import StepTicket
from actors.runs.values import RunRequest
from actors.runs.workbench import Workbench
from pipelines.execution import Ledger
from pipelines.guardrails.budget import Payer
from pipelines.guardrails.classes import class_of, tier_of

_START_TRIES = 10
_START_WAIT_S = 60.0  # thousands of runs begin again in the moment in which a kill switch is armed


@dataclass(frozen=True, slots=True)
class SurvivorEnded:
    """A StepActor taken over from the incarnation before has ended; comes behind what it told."""

    name: str


class Crew:
    """Tickets of the steps that StepActors work on, by step path. What has to wait runs in tasks of `actor`, so that a
    start that cannot be made ends the PipelineActor like any other crash."""

    def __init__(self, actor: Actor, request: RunRequest, bench: Workbench, ledger: Ledger) -> None:
        self._actor = actor
        self._kernel = actor.kernel
        self._request = request
        self._bench = bench
        self._ledger = ledger
        self._steps = self._kernel.ref(steps_name(request.run_id))
        self._owner = self._kernel.ref(pipeline_name(request.run_id))
        # A fallback's fallback would never end, and an evolution's would leave the providers it was given.
        self._may_fall_back = request.origin == "user"
        self._tier = tier_of(request.pipeline) if bench.till_of is not None else ""
        own = request.provider_routes
        self.routes = {**bench.routes, **own} if own else bench.routes
        self.at_work: dict[str, StepTicket] = {}

    def begin(self, place: Start, last: bool) -> bool:
        """Has a StepActor started, for a step that is the `last` of its run or not. False: one of the incarnation
        before is at it still, and is taken over."""
        ticket = self.at_work[place.key] = self._ticket(place, place.key)
        ticket.last = last
        survivor = self._kernel.registry.whereis(ticket.name)
        if survivor is not None:
            self._actor.monitor(survivor)
            survivor.tell(Restate())
            return False
        self._start(ticket)
        return True

    def recover(self, place: Start, error: dict[str, JsonValue], began: float | None) -> None:
        """Has a StepActor see to what follows the failure of a step that consists of steps."""
        ticket = self._ticket(place, f"{place.key}.recovery", {**error, "failed_step": place.key})
        if began is not None:
            ticket.began = began
        self.at_work[place.key] = ticket
        self._start(ticket)

    def begin_again(self, place: Start) -> None:
        """Like `begin`, for a step whose former StepActor was stopped and may still be ending."""
        ticket = self.at_work[place.key] = self._ticket(place, place.key)
        self._actor.spawn_task(self._start_again(ticket))

    def told(self, key: str) -> float:
        """The StepActor of this step has told what came of it; gives when the step began (now, if nobody knows)."""
        ticket = self.at_work.pop(key, None)
        return self._kernel.clock.now() if ticket is None else ticket.began

    def down(self, message: Down) -> None:
        """One that was taken over has ended. The Down has overtaken its last words: it is heard behind them."""
        self._actor.ref.tell(SurvivorEnded(str(message.ref)))

    def stopped(self, key: str, ticket: object) -> None:
        """A StepActor was stopped, and not from here: its step is begun again if it is still wanted."""
        wanted = self.at_work.get(key)
        if wanted is not None and wanted is ticket:
            self._actor.spawn_task(self._start_again(wanted))

    def survivor_ended(self, name: str) -> None:
        """A StepActor taken over has ended. If it told nothing its step is begun again, or its next incarnation is
        watched."""
        for ticket in list(self.at_work.values()):
            if ticket.name == name:
                successor = self._kernel.registry.whereis(name)
                if successor is not None:
                    self._actor.monitor(successor)
                else:
                    self._actor.spawn_task(self._start_again(ticket))

    def stop(self, key: str, why: str) -> None:
        """Ends the StepActor of a step, if it has one."""
        ticket = self.at_work.pop(key, None)
        if ticket is not None:
            self._kernel.ref(ticket.name).exit(Shutdown(why))

    def stop_all(self, why: str) -> None:
        """Ends all of them."""
        for key in list(self.at_work):
            self.stop(key, why)

    def _ticket(self, place: Start, work: str, failed: dict[str, JsonValue] | None = None) -> StepTicket:
        request, clock, frame = self._request, self._kernel.clock, place.frame
        return StepTicket(
            run_id=request.run_id,
            pipeline=request.pipeline.name,
            key=place.key,
            name=step_name(request.run_id, work),
            step=frame.spec.graph.steps[place.name],
            scope=frame.scope(clock.wall()),
            ancestry=frame.spec.ancestry,
            workspace=request.workspace,
            routes=self.routes,
            may_fall_back=self._may_fall_back,
            began=clock.now(),
            owner=self._owner,
            failed=failed,
            skipped_with=frame.skipped_with(place.name),
            payers=self._payers(place.key),
            subject=subject_of(place, request),
            submitters=request.submitters,
            account=self._account(place) if self._bench.till_of is not None else None,
        )

    def _account(self, place: Start) -> Payer:
        """What helps another run is paid for by that one, and by the pipeline that a person asked for."""
        request = self._request
        step = place.key if request.parent is None else f"{request.run_id}:{place.key}"
        return Payer(
            tenant=request.tenant or "nobody",
            tier=self._tier,
            pipeline=place.frame.spec.ancestry.names[0],
            step_class=class_of(place.step),
            run=request.parent or request.run_id,
            step=step,
        )

    def _payers(self, key: str) -> tuple[tuple[str, str], ...]:
        own = ((self._request.run_id, key),) if self._ledger.spends(key) else ()
        return own if self._request.payer is None else (*own, self._request.payer)

    def _start(self, ticket: StepTicket) -> None:
        # Told and not called: a StepActor's start cannot fail while its name is free, and a call would cost a task.
        # A dead steps supervisor takes the PipelineActor with it (rest_for_one); the next one starts the step.
        try:  # and not suppress(): every step passes here
            self._steps.tell(StartChild(step_child(ticket, self._bench)))
        except ActorDeadError:
            return

    async def _start_again(self, ticket: StepTicket) -> None:
        """Starts a step whose former StepActor may still be ending, or be in the middle of its restart."""
        for _ in range(_START_TRIES):
            former: ActorRef[Any] | None = self._kernel.registry.whereis(ticket.name)
            if former is not None:
                with contextlib.suppress(NotFound, ActorDeadError):
                    await self._steps.call(TerminateChild(former), timeout_s=_START_WAIT_S)
            if self.at_work.get(ticket.key) is not ticket:
                return
            try:
                await self._steps.call(StartChild(step_child(ticket, self._bench)), timeout_s=_START_WAIT_S)
                return
            except NameTakenError:
                continue
            except ActorDeadError:
                return  # see `_start`
        raise RuntimeError(f"{ticket.name} could not be started again: its name stays taken")
