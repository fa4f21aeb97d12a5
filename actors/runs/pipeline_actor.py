"""`PipelineActor`: drives one run. It knows what is ready, has StepActors started for it, and closes the run.

It records nothing of its own but the results of steps that consist of steps: its state can be rebuilt from the journal
at any moment, which is what a restarted PipelineActor does. StepActors that survived it are taken over by name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, assert_never

from pydantic import JsonValue

from actors.journal import CloseRun, JournalError, LoadRun, RecordStep, RunRecord
from actors.kernel import (
    Actor,
    ActorDeadError,
    Down,
    NameTakenError,
    Normal,
    NotFound,
    Shutdown,
    StartChild,
    TerminateChild,
    Timer,
)
from actors.killswitch import Subscribe, SwitchChanged
from actors.runs.closing import RunClosing
from actors.runs.frames import Broken, Consequence, FrameTree, RootEnded, Settled, Start
from actors.runs.messages import (
    CancelRun,
    RunEnded,
    RunPaused,
    RunUnpaused,
    StepBlocked,
    StepDone,
    StepGaveUp,
    StepOpened,
)
from actors.runs.names import steps_name
from actors.runs.recording import journal
from actors.runs.step_actor import StepTicket, error_in, step_child
from actors.runs.values import RunOutcome, RunRequest
from actors.runs.workbench import Workbench
from actors.steps import PROVIDER_FAMILIES, SwitchedOffError, check_switches, provider_of
from pipelines.execution import Ancestry, FailureKind, FrameSpec, StepFailure, graph_of, workflow_facts
from pipelines.guardrails.kill_switch import Switch
from pipelines.language import Scope

_START_TRIES = 10


class _Expired:
    """A step that consists of steps has used up its time."""

    __slots__ = ("key", "timeout_s")

    def __init__(self, key: str, timeout_s: float) -> None:
        self.key = key
        self.timeout_s = timeout_s


class _SurvivorEnded:
    """A StepActor taken over from the incarnation before has ended; comes behind what it told."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class _Reloaded:
    """The journal was read again after a pause."""

    __slots__ = ("record",)

    def __init__(self, record: RunRecord | None) -> None:
        self.record = record


class PipelineActor(Actor):
    """Answers CancelRun; takes what its StepActors tell and `SwitchChanged`. `request.inputs` are complete already.

    A crash loses nothing: restarted, it resumes from the journal. When it cannot close its run in the journal, the run
    stays unfinished there and is resumed by the next node.
    """

    mailbox_limit = 100_000

    def __init__(self, request: RunRequest, bench: Workbench) -> None:
        super().__init__()
        self._request = request
        self._bench = bench
        self._routes = {**bench.routes, **request.provider_routes}
        self._tree = FrameTree.of(self._root())
        self._recorded: dict[str, tuple[str, JsonValue]] = {}
        self._running: dict[str, StepTicket] = {}
        self._held: dict[str, Switch] = {}
        self._expiries: dict[str, Timer] = {}
        self._paused = False
        self._reloading = False
        self._closing = False
        self._began = 0.0

    # ---- life ----------------------------------------------------------------------------------------------

    def on_start(self) -> Any:
        """Begins at once when nothing has happened yet, else after reading the journal."""
        self._began = self.kernel.clock.now()
        if self._bench.voice.is_fresh(self._request.run_id):
            self._say("run_started", pipeline=self._request.pipeline.name)
            self._begin()
            return None
        return self._resume()

    async def _resume(self) -> None:
        run_id = self._request.run_id
        record: RunRecord | None = await journal(self.kernel, LoadRun(run_id), self._bench.record_timeout_s)
        if record is not None and record.finished:
            # Closed by the incarnation before us, which could not tell any more.
            self._say_closed(RunClosing(self._request, self._tree).of_record(record))
            self.stop()
            return
        self._remember(record)
        self._say("run_resumed", pipeline=self._request.pipeline.name, recorded=len(self._recorded))
        self._begin()

    def _begin(self) -> None:
        with contextlib.suppress(
            ActorDeadError
        ):  # while the board restarts the view still holds, and keeps subscribers
            self.kernel.ref("kill_board").tell(Subscribe(self.ref))
        self._carry_out(self._tree.begin())

    def _root(self) -> FrameSpec:
        request, pipeline = self._request, self._request.pipeline
        facts: dict[str, JsonValue] = {"run_id": request.run_id, "workspace": request.workspace}
        scope = Scope(
            inputs=request.inputs,
            global_vars=pipeline.global_vars,
            state=pipeline.variables,
            workflow=workflow_facts(pipeline, facts),
        )
        ancestry = Ancestry((pipeline.name,), (pipeline.content_hash,), len(pipeline.steps))
        return FrameSpec("", graph_of(pipeline), scope, ancestry, own_state=True)

    def _remember(self, record: RunRecord | None) -> None:
        if record is not None:
            self._recorded = {key: (step.status, step.result) for key, step in record.steps.items()}

    # ---- messages ------------------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: whatever waits is done in tasks of this actor or by others."""
        if self._closing:
            return False  # also to CancelRun: it comes too late
        match message:
            case StepDone(key, _, result):
                self._running.pop(key, None)
                self._carry_out(self._tree.done(key, result))
            case StepOpened(key, composite):
                self._running.pop(key, None)
                self._watch_time(key, composite.timeout_s)
                self._carry_out(self._tree.opened(key, composite))
            case StepGaveUp(key, error):
                self._running.pop(key, None)
                self._carry_out(self._tree.failed(key, error))
            case StepBlocked(key, switch):
                self._running.pop(key, None)
                self._hold(key, switch)
            case SwitchChanged():
                self._switches_changed()
            case CancelRun():
                self._close("cancelled", {"code": "cancelled", "message": "the run was cancelled"})
                return True
            case _Expired(key=key):
                self._expire(message)
            case _Reloaded(record=record):
                self._go_on(record)
            case Down():
                self.ref.tell(_SurvivorEnded(str(message.ref)))  # a Down overtakes the step's own last words
            case _SurvivorEnded(name=name):
                self._survivor_ended(name)
            case _:
                raise TypeError(f"a PipelineActor does not take {type(message).__name__}")
        return None

    # ---- carrying out --------------------------------------------------------------------------------------

    def _carry_out(self, consequences: Iterable[Consequence]) -> None:
        """Works off consequences; recorded results cause further ones, which join the same list."""
        waiting = list(consequences)
        while waiting and not self._closing:
            consequence = waiting.pop(0)
            match consequence:
                case Start(key=key) if key in self._recorded:
                    waiting += self._replay(key)
                case Start():
                    self._start(consequence)
                case Settled(place, result):
                    self._end_parts(place.key)
                    self.spawn_task(self._record_composite(place, result))
                case Broken(place, error):
                    self._end_parts(place.key)
                    self._recover_composite(place, error)
                case RootEnded(error):
                    self._close("succeeded" if error is None else "failed", error)
                case _:
                    assert_never(consequence)

    def _replay(self, key: str) -> list[Consequence]:
        status, result = self._recorded[key]
        if status == "failed":
            return list(self._tree.failed(key, error_in(result)))
        on_record = ((path, value) for path, (_, value) in self._recorded.items())
        return list(self._tree.recorded(key, result, on_record))

    def _start(self, place: Start) -> None:
        key, step = place.key, place.step
        if key in self._running:
            return
        switch = self._switch_against(place)
        if switch is not None:
            self._hold(key, switch)
            return
        ticket = self._running[key] = self._ticket(place)
        survivor = self.kernel.registry.whereis(ticket.name)
        if survivor is not None:
            self.monitor(survivor)
            return
        self._bench.voice.say(self.kernel, self._request.run_id, "step_started", key, type=step.type)
        self._start_step(ticket)

    def _ticket(self, place: Start, failed: dict[str, JsonValue] | None = None) -> StepTicket:
        request = self._request
        return StepTicket(
            run_id=request.run_id,
            pipeline=request.pipeline.name,
            key=place.key,
            step=place.step,
            scope=place.frame.scope(self.kernel.clock.wall()),
            ancestry=place.frame.spec.ancestry,
            workspace=request.workspace,
            routes=self._routes,
            # A fallback's fallback would never end, and an evolution's would leave the providers it was given.
            may_fall_back=request.origin == "user",
            failed=failed,
        )

    def _start_step(self, ticket: StepTicket) -> None:
        # Told and not called: a StepActor's start cannot fail while its name is free, and a call would cost a task.
        # A dead steps supervisor takes this actor with it (rest_for_one), and the next incarnation starts the step.
        with contextlib.suppress(ActorDeadError):
            self.kernel.ref(steps_name(ticket.run_id)).tell(StartChild(step_child(ticket, self._bench)))

    async def _start_again(self, ticket: StepTicket) -> None:
        """Starts a step whose former StepActor may still be ending, or be in the middle of its restart."""
        steps = self.kernel.ref(steps_name(ticket.run_id))
        for _ in range(_START_TRIES):
            former = self.kernel.registry.whereis(ticket.name)
            if former is not None:
                with contextlib.suppress(NotFound, ActorDeadError):
                    await steps.call(TerminateChild(former))
            if self._running.get(ticket.key) is not ticket:
                return
            try:
                await steps.call(StartChild(step_child(ticket, self._bench)))
                return
            except NameTakenError:
                continue
            except ActorDeadError:
                return  # see `_start_step`
        raise RuntimeError(f"{ticket.name} could not be started again: its name stays taken")

    def _survivor_ended(self, name: str) -> None:
        """If the step told nothing here, it is begun again, or its next incarnation is watched."""
        for ticket in list(self._running.values()):
            if ticket.name == name:
                successor = self.kernel.registry.whereis(name)
                if successor is not None:
                    self.monitor(successor)
                else:
                    self.spawn_task(self._start_again(ticket))

    # ---- steps that consist of steps ------------------------------------------------------------------------

    def _watch_time(self, key: str, timeout_s: float | None) -> None:
        if timeout_s is not None and key in self._tree.places:
            self._expiries[key] = self.tell_after(timeout_s, _Expired(key, timeout_s))

    def _expire(self, expired: _Expired) -> None:
        place = self._tree.places.get(expired.key)
        if self._paused:
            self._watch_time(expired.key, expired.timeout_s)  # a pause is not the step's fault: its time begins anew
        elif place is not None and expired.key in self._tree.open:
            message = f"the step did not end within {expired.timeout_s:g} s"
            failure = StepFailure(FailureKind.TIMEOUT, "timeout", message)
            self._carry_out([Broken(place, failure.error(place.key, place.step.type, 1))])

    def _end_parts(self, key: str) -> None:
        timer = self._expiries.pop(key, None)
        if timer is not None:
            timer.cancel()
        for inner in self._tree.drop(key):
            self._stop_step(inner, "no longer needed")
            self._held.pop(inner, None)
            inner_timer = self._expiries.pop(inner, None)
            if inner_timer is not None:
                inner_timer.cancel()

    async def _record_composite(self, place: Start, result: JsonValue) -> None:
        entry = RecordStep(self._request.run_id, place.key, 1, "succeeded", result)
        try:
            stands = await journal(self.kernel, entry, self._bench.record_timeout_s)
        except JournalError as error:
            failure = StepFailure(FailureKind.ERROR, error.code, str(error))
            self.ref.tell(StepGaveUp(place.key, failure.error(place.key, place.step.type, 1)))
            return
        self._say_step("step_succeeded", place)
        self.ref.tell(StepDone(place.key, stands.status, stands.result))

    def _recover_composite(self, place: Start, error: dict[str, JsonValue]) -> None:
        """A StepActor sees to the rest: the fallback, `continue`, and the record of the failure."""
        ticket = self._running[place.key] = self._ticket(place, {**error, "failed_step": place.key})
        self._start_step(ticket)

    # ---- kill switches -------------------------------------------------------------------------------------

    def _hold(self, key: str, switch: Switch) -> None:
        if key not in self._tree.places:
            return
        self._held[key] = switch
        if not self._paused:
            self._paused = True
            self._say("run_paused", reason=str(switch), step_held=key)
            self._tell_dispatcher(RunPaused(self._request.run_id, str(switch)))

    def _switches_changed(self) -> None:
        for key in list(self._running):
            place = self._tree.places.get(key)
            switch = None if place is None else self._switch_against(place)
            if switch is not None:
                self._stop_step(key, str(switch))
                self._hold(key, switch)
        if not self._reloading and any(not self._is_held(key) for key in self._held):
            self._reloading = True
            self.spawn_task(self._reload())

    def _is_held(self, key: str) -> bool:
        place = self._tree.places.get(key)
        return place is not None and self._switch_against(place) is not None

    def _switch_against(self, place: Start) -> Switch | None:
        """The kill switch that forbids this step now."""
        family = PROVIDER_FAMILIES.get(place.step.type)
        provider = None if family is None else provider_of(place.step, family, self._routes)
        try:
            check_switches(self._bench.kill_view, place.frame.spec.ancestry, provider)
        except SwitchedOffError as stopped:
            return stopped.switch
        return None

    async def _reload(self) -> None:
        """A step stopped in the moment of its record has a result that nobody was told: read it, not repeat it."""
        try:
            record = await journal(self.kernel, LoadRun(self._request.run_id), self._bench.record_timeout_s)
        finally:
            self._reloading = False
        self.ref.tell(_Reloaded(record))

    def _go_on(self, record: RunRecord | None) -> None:
        self._remember(record)
        free = [key for key in self._held if not self._is_held(key)]
        for key in free:
            del self._held[key]
        if self._paused and not self._held:
            self._paused = False
            self._say("run_unpaused")
            self._tell_dispatcher(RunUnpaused(self._request.run_id))
        for key in free:
            place = self._tree.places.get(key)
            if place is None or key in self._running:
                continue
            if key in self._recorded:
                self._carry_out(self._replay(key))
                continue
            ticket = self._running[key] = self._ticket(place)
            self._say_step("step_started", place)
            self.spawn_task(self._start_again(ticket))

    def _stop_step(self, key: str, why: str) -> None:
        ticket = self._running.pop(key, None)
        if ticket is not None:
            self.kernel.ref(ticket.name).exit(Shutdown(why))

    # ---- the end -------------------------------------------------------------------------------------------

    def _close(self, status: str, error: dict[str, JsonValue] | None) -> None:
        self._closing = True
        for key in list(self._running):
            self._stop_step(key, f"the run has {status}")
        self.spawn_task(self._close_run(status, error)).add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.ref.exit(Normal())

    async def _close_run(self, status: str, error: dict[str, JsonValue] | None) -> None:
        closing = RunClosing(self._request, self._tree)
        outcome = closing.outcome(status, error, self.kernel.clock.now() - self._began)
        run_id = self._request.run_id
        try:
            entry = CloseRun(run_id, outcome.status, closing.kept(outcome))
            stands = await journal(self.kernel, entry, self._bench.record_timeout_s)
        except JournalError as lost:
            outcome = closing.unrecorded(outcome, lost)
        else:
            if stands != outcome.status:
                record = await journal(self.kernel, LoadRun(run_id), self._bench.record_timeout_s)
                outcome = closing.of_record(record)
        self._say_closed(outcome)

    def _say_closed(self, outcome: RunOutcome) -> None:
        self._say(
            f"run_{outcome.status}",
            pipeline=self._request.pipeline.name,
            duration_s=outcome.duration_s,
            error=outcome.error,
        )
        self._tell_dispatcher(RunEnded(outcome))

    def _tell_dispatcher(self, message: RunEnded | RunPaused | RunUnpaused) -> None:
        with contextlib.suppress(ActorDeadError):  # restarted, it reads the journal and asks again
            self.kernel.ref("runs").tell(message)

    def _say(self, kind: Any, **data: Any) -> None:
        self._bench.voice.say(self.kernel, self._request.run_id, kind, None, **data)

    def _say_step(self, kind: Any, place: Start, **data: Any) -> None:
        self._bench.voice.say(self.kernel, self._request.run_id, kind, place.key, type=place.step.type, **data)
