"""`PipelineActor`: drives one run. It knows what is ready, has StepActors started for it, and closes the run.

It records nothing of its own but the results of steps that consist of steps: its state can be rebuilt from the journal
at any moment, which is what a restarted PipelineActor does. StepActors that survived it are taken over by name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from pydantic import JsonValue

from actors.journal import LoadRun, RunRecord
from actors.kernel import Actor, ActorDeadError, Down, Normal
from actors.killswitch import Subscribe, SwitchChanged
from actors.runs.beginning import recorded_steps, root_of
from actors.runs.closing import RunClosing
from actors.runs.composites import Expired, OpenSteps, record_composite
from actors.runs.crew import Crew, SurvivorEnded
from actors.runs.frames import Broken, Consequence, FrameTree, RootEnded, Settled, Start
from actors.runs.herald import Herald
from actors.runs.holding import Held, switch_against
from actors.runs.messages import CancelRun, StepBlocked, StepDone, StepGaveUp, StepOpened, StepStopped
from actors.runs.recording import journal, record_end
from actors.runs.values import RunRequest
from actors.runs.workbench import Workbench
from pipelines.guardrails.kill_switch import Switch


class _Resume:
    """Go on from the journal."""


@dataclass(frozen=True, slots=True)
class _Reloaded:
    """The journal was read again after a pause."""

    record: RunRecord | None


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
        self._tree = FrameTree.of(root_of(request))
        self._crew = Crew(self, request, bench)
        self._open = OpenSteps(self)
        self._herald = Herald(self.kernel, request, bench.voice)
        self._held = Held()
        self._recorded: dict[str, tuple[str, JsonValue]] = {}
        self._reloading = False
        self._closing = False
        self._began = 0.0

    # ---- life ----------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Begins at once when nothing has happened yet. Else reading the journal is the first message, and not part of
        the start: that would hold up the supervisors above for as long as the journal is away.
        """
        self._began = self.kernel.clock.now()
        if self._bench.voice.is_fresh(self._request.run_id):
            self._herald.run("run_started")
            self._begin()
        else:
            self.ref.tell(_Resume())

    async def _resume(self) -> None:
        run_id = self._request.run_id
        record: RunRecord | None = await journal(self.kernel, LoadRun(run_id), self._bench.record_timeout_s)
        if record is not None and record.finished:
            # Closed by the incarnation before us, which could not tell any more.
            self._herald.closed(RunClosing(self._request, self._tree).of_record(record))
            self.stop()
            return
        self._recorded = recorded_steps(record)
        for key, (_, result) in self._recorded.items():
            self._tree.spending.count(key, result)
        self._herald.run("run_resumed", recorded=len(self._recorded))
        self._begin()

    def _begin(self) -> None:
        self._bench.kill_view.subscribe(self.ref)
        with contextlib.suppress(ActorDeadError):  # restarted, it finds its subscribers in the view
            self.kernel.ref("kill_board").tell(Subscribe(self.ref))
        self._carry_out(self._tree.begin())

    # ---- messages ------------------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: whatever waits is done in tasks of this actor or by others."""
        if self._closing:
            return False  # also to CancelRun: it comes too late
        match message:
            case _Resume():
                return self._resume()
            case StepDone(key, _, result):
                self._crew.told(key)
                self._carry_out(self._tree.done(key, result))
            case StepOpened(key, composite):
                began = self._crew.told(key)
                if key in self._tree.places:
                    self._open.opened(key, began, composite.timeout_s)
                self._carry_out(self._tree.opened(key, composite))
            case StepGaveUp(key, error):
                self._crew.told(key)
                self._carry_out(self._tree.failed(key, error))
            case StepBlocked(key, switch):
                self._crew.told(key)
                self._hold(key, switch)
            case StepStopped(key, ticket):
                self._crew.stopped(key, ticket)
            case SwitchChanged():
                self._switches_changed()
            case CancelRun():
                self._close("cancelled", {"code": "cancelled", "message": "the run was cancelled"})
                return True
            case Expired():
                self._expire(message)
            case _Reloaded(record):
                self._go_on(record)
            case Down():
                self._crew.down(message)
            case SurvivorEnded(name):
                self._crew.survivor_ended(name)
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
                    waiting += self._tree.replay(key, self._recorded)
                case Start():
                    self._start(consequence)
                case Settled(place, result):
                    self.spawn_task(self._record_composite(place, result, self._end_parts(place.key)))
                case Broken(place, error):
                    self._crew.recover(place, error, self._end_parts(place.key))
                case RootEnded(error):
                    self._close("succeeded" if error is None else "failed", error)
                case _:
                    assert_never(consequence)

    def _start(self, place: Start) -> None:
        if place.key in self._crew.at_work:
            return
        switch = self._switch_against(place)
        if switch is not None:
            self._hold(place.key, switch)
        elif self._crew.begin(place):
            self._herald.step("step_started", place)

    # ---- steps that consist of steps ------------------------------------------------------------------------

    def _expire(self, expired: Expired) -> None:
        place = self._tree.places.get(expired.key)
        if place is None or expired.key not in self._tree.open:
            return
        if self._held.paused:  # not the step's fault: its time begins anew
            self._open.watch(expired.key, expired.timeout_s)
            return
        self._carry_out([Broken(place, expired.error(place))])

    def _end_parts(self, key: str) -> float | None:
        """Ends what goes on inside a step; gives since when that was at work."""
        for inner in self._tree.drop(key):
            self._crew.stop(inner, "no longer needed")
            self._held.forget(inner)
            self._open.ended(inner)
        return self._open.ended(key)

    async def _record_composite(self, place: Start, result: JsonValue, began: float | None) -> None:
        told = await record_composite(self.kernel, self._request.run_id, place, result, self._bench.record_timeout_s)
        if isinstance(told, StepDone):
            now = self.kernel.clock.now()
            self._herald.step("step_succeeded", place, duration_s=round(now - (now if began is None else began), 6))
        self.ref.tell(told)

    # ---- kill switches -------------------------------------------------------------------------------------

    def _switch_against(self, place: Start) -> Switch | None:
        return switch_against(self._bench.kill_view, place, self._crew.routes)

    def _hold(self, key: str, switch: Switch) -> None:
        if key in self._tree.places and self._held.add(key, switch):
            self._herald.paused(str(switch), key)

    def _switches_changed(self) -> None:
        for key in list(self._crew.at_work):
            place = self._tree.places.get(key)
            switch = None if place is None else self._switch_against(place)
            if switch is not None:
                self._crew.stop(key, str(switch))
                self._hold(key, switch)
        if not self._reloading and self._free():
            self._reloading = True
            self.spawn_task(self._reload())

    def _free(self) -> tuple[str, ...]:
        return self._held.free(self._bench.kill_view, self._tree.places, self._crew.routes)

    async def _reload(self) -> None:
        """A step stopped in the moment of its record has a result that nobody was told: read it, not repeat it."""
        try:
            record = await journal(self.kernel, LoadRun(self._request.run_id), self._bench.record_timeout_s)
        finally:
            self._reloading = False
        self.ref.tell(_Reloaded(record))

    def _go_on(self, record: RunRecord | None) -> None:
        self._recorded = recorded_steps(record) or self._recorded
        free = self._free()
        if self._held.release(free):
            self._herald.unpaused()
        for key in free:
            place = self._tree.places.get(key)
            if place is None or key in self._crew.at_work:
                continue
            if key in self._recorded:
                self._carry_out(self._tree.replay(key, self._recorded))
                continue
            self._herald.step("step_started", place)
            self._crew.begin_again(place)

    # ---- the end -------------------------------------------------------------------------------------------

    def _close(self, status: str, error: dict[str, JsonValue] | None) -> None:
        self._closing = True
        self._crew.stop_all(f"the run has {status}")
        self.spawn_task(self._close_run(status, error)).add_done_callback(self._closed)

    def _closed(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.ref.exit(Normal())

    async def _close_run(self, status: str, error: dict[str, JsonValue] | None) -> None:
        closing = RunClosing(self._request, self._tree)
        outcome = closing.outcome(status, error, self.kernel.clock.now() - self._began)
        self._herald.closed(await record_end(self.kernel, closing, outcome, self._bench.record_timeout_s))
