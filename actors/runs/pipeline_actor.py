"""`PipelineActor`: drives one run. It knows what is ready, has StepActors started for it, and closes the run.

It records nothing of its own but the results of steps that consist of steps: its state can be rebuilt from the journal
at any moment, which is what a restarted PipelineActor does. StepActors that survived it are taken over by name.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, assert_never

from pydantic import JsonValue

from actors.journal import CloseRun, LoadRun, ResultLostError, RunRecord
from actors.kernel import Actor, Down, Normal, Reply
from actors.killswitch import SwitchChanged
from actors.runs.allowance import Allowance, RunExpired
from actors.runs.appraisal import Appraisal, level_of, limits_of
from actors.runs.beginning import began_s, recorded_steps, root_of
from actors.runs.closing import outcome_of
from actors.runs.composites import Expired, OpenSteps, record_composite
from actors.runs.crew import Crew, SurvivorEnded
from actors.runs.finale import Finale
from actors.runs.frames import (
    Broken,
    Consequence,
    Dropped,
    Ending,
    FrameTree,
    RootEnded,
    Settled,
    Start,
    Timed,
)
from actors.runs.herald import Herald
from actors.runs.last_steps import EndingStands, FrameExpired, ending_in, record_ending
from actors.runs.messages import (
    CancelRun,
    Lent,
    Release,
    Reserve,
    Settle,
    StepBlocked,
    StepDone,
    StepGaveUp,
    StepOpened,
    StepStopped,
    WouldEnd,
)
from actors.runs.pausing import Pausing
from actors.runs.preview import WouldHold
from actors.runs.recording import journal
from actors.runs.values import RunRequest
from actors.runs.workbench import Workbench


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
        level = level_of(request, bench.levels)
        self._limits = limits_of(request, level)
        self._appraisal = Appraisal(level)
        self._tree = FrameTree.of(root_of(request, self._limits))
        self._crew = Crew(self, request, bench, self._tree.ledger)
        self._allowance = Allowance(self, self._tree)
        self._open = OpenSteps(self)
        self._herald = Herald(self.kernel, request, bench.voice)
        self._pausing = Pausing(request, bench.kill_view, self._tree, self._crew, self._herald)
        self._finale = Finale(self.kernel, request, self._tree, self._appraisal, bench)
        self._recorded: dict[str, tuple[str, JsonValue]] = {}
        self._reloading = False
        self._closing = False
        self._cancelled: Reply | None = None  # owed to who has the run cancelled
        self._began = 0.0

    # ---- life ----------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Begins at once when nothing has happened yet, or when what the journal has is known. Else reading it is the
        first message, and not part of the start: that would hold up the supervisors above for as long as the journal is
        away.
        """
        self._began = self.kernel.clock.now()
        if self._request.taken_over is None and self._bench.voice.is_fresh(self._request.run_id):
            self._herald.run("run_started")
            self._begin(None)
            return
        former = self._bench.former_lives.take(self._request.run_id)
        if former is None:
            self.ref.tell(_Resume())
        else:
            self._restore(former)

    async def _resume(self) -> None:
        run_id = self._request.run_id
        record: RunRecord | None = await journal(self.kernel, LoadRun(run_id), self._bench.record_timeout_s)
        if record is not None and record.finished:
            # Closed by the incarnation before us, which could not tell any more.
            self._closing = True
            self._herald.closed(outcome_of(record))
            self.stop()
            return
        self._restore(record)

    def _restore(self, record: RunRecord | None) -> None:
        self._recorded = recorded_steps(record)
        self._appraisal.restore(self._recorded)
        for key, (_, result) in self._recorded.items():
            self._tree.spending.count(key, result)
        self._tree.ledger.restore({key: each for key, (status, each) in self._recorded.items() if status != "kept"})
        self._herald.run("run_resumed", recorded=len(self._recorded))
        self._begin(None if record is None else began_s(record))

    def _begin(self, began_s: float | None) -> None:
        self._bench.kill_view.subscribe(self.ref, armings_only=True)  # triggers reach the StepActors themselves
        ending, error = ending_in(self._recorded)
        if ending:
            self._tree.restore_ending(error, self._recorded)
            self._carry_out(self._tree.close())
            return
        self._allowance.begin(self._limits.max_seconds, began_s)
        self._carry_out(self._tree.begin())

    def release(self) -> None:
        """However it ended, no switch concerns it any more. Its parts know it: they would keep it, and all that the run
        has made, until the next garbage collection."""
        self._bench.kill_view.unsubscribe(self.ref)
        for part in ("_crew", "_pausing", "_allowance", "_open"):
            vars(self).pop(part, None)

    # ---- messages ------------------------------------------------------------------------------------------

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: whatever waits is done in tasks of this actor or by others."""
        if self._closing:
            return False  # also to CancelRun: it comes too late
        match message:
            case _Resume():
                return self._resume()
            case WouldEnd():
                return self._would_end(message)
            case StepDone(key, status, result, ended):
                began = self._crew.told(key)
                self._finale.ended = ended
                self._carry_out(self._tree.done(key, result, status))
                self._appraise(key, status, began)
            case StepOpened(key, composite):
                began = self._crew.told(key)
                if key in self._tree.places:
                    self._open.opened(key, began, composite.timeout_s)
                self._carry_out(self._tree.opened(key, composite))
            case StepGaveUp(key, error):
                began = self._crew.told(key)
                self._carry_out(self._tree.failed(key, error))
                self._appraise(key, "failed", began)
            case StepBlocked(key, switch):
                self._crew.told(key)
                self._pausing.hold(key, switch)
            case StepStopped(key, ticket):
                self._crew.stopped(key, ticket)
            case WouldHold(switch):
                return self._pausing.would_hold(switch)
            case SwitchChanged():
                self._switches_changed()
            case Reserve() | Lent() | Settle() | Release():
                return self._allowance.receive(message)
            case CancelRun():
                return self._cancel()
            case RunExpired(error):
                self._carry_out(self._tree.abort(error))
            case EndingStands():
                self._carry_out(self._tree.close())
            case Expired():
                self._expire(message)
            case FrameExpired():
                self._expire_frame(message)
            case _Reloaded(record):
                self._go_on(record)
            case Down():
                if not self._allowance.down(message):
                    self._crew.down(message)
            case SurvivorEnded(name):
                self._crew.survivor_ended(name)
            case _:
                raise TypeError(f"a PipelineActor does not take {type(message).__name__}")
        return None

    # ---- carrying out --------------------------------------------------------------------------------------

    def _carry_out(self, consequences: Iterable[Consequence]) -> None:
        """Works off consequences. A large result that is lost and that the run itself needs (to end a loop, to set a
        variable) fails the run; one that a step needs fails the step."""
        try:
            self._work_off(consequences)
        except ResultLostError as lost:
            self._close("failed", {"code": lost.code, "message": str(lost)})

    def _work_off(self, consequences: Iterable[Consequence]) -> None:
        """Recorded results cause further consequences, which join the same list."""
        waiting = deque(consequences)
        new: list[Start] = []
        while (waiting or new) and not self._closing:
            # What is on record first: it may say that the steps beside it are not wanted any more.
            consequence = waiting.popleft() if waiting else new.pop(0)
            match consequence:
                case Start(key=key) if key in self._recorded:
                    waiting += self._tree.replay(key, self._recorded)
                case Start(key=key) if self._recorded and waiting:
                    new.append(consequence)
                case Start(key=key):
                    if self._tree.places.get(key) is consequence:
                        self._start(consequence)
                case Settled(place, result):
                    self.spawn_task(self._record_composite(place, result, self._open.ended(place.key)))
                case Broken(place, error):
                    self._crew.recover(place, error, self._open.ended(place.key))
                case Dropped(keys):
                    self._drop(keys)
                case Timed():
                    self.tell_after(consequence.seconds, FrameExpired(consequence))
                case Ending(error):
                    self.spawn_task(self._end(error))
                case RootEnded(error):
                    cancelled = error is not None and error.get("code") == "cancelled"
                    self._close("succeeded" if error is None else "cancelled" if cancelled else "failed", error)
                case _:
                    assert_never(consequence)

    def _start(self, place: Start) -> None:
        if place.key in self._crew.at_work:
            return
        switch = self._pausing.against(place)
        if switch is not None:
            self._pausing.hold(place.key, switch)
            return
        refused = self._tree.ledger.start(place.key, at_the_end=place.frame.at_the_end)
        if refused is not None:
            self._crew.recover(place, refused.error(place.key, place.step.type), None)
        elif self._crew.begin(place, last=self._tree.is_last(place)):
            self._herald.step("step_started", place)

    def _appraise(self, key: str, status: str, began: float) -> None:
        error = self._appraisal.ended(key, status, self.kernel.clock.now() - began)
        if error is not None and not self._tree.ending and not self._closing:
            self._carry_out(self._tree.abort(error))

    def _drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._crew.stop(key, "no longer needed")
            self._pausing.forget(key)
            self._open.ended(key)

    # ---- steps that consist of steps ------------------------------------------------------------------------

    def _expire(self, expired: Expired) -> None:
        place = self._tree.places.get(expired.key)
        if place is None or expired.key not in self._tree.open:
            return
        if self._pausing.paused:  # not the step's fault: its time begins anew
            self._open.watch(expired.key, expired.timeout_s)
            return
        now, began = self.kernel.clock.now(), self._open.since(expired.key)
        error = expired.error(place, self._tree.open[expired.key][0], 0.0 if began is None else now - began)
        self._carry_out(self._tree.expired(expired.key, error))

    def _expire_frame(self, expired: FrameExpired) -> None:
        if self._pausing.paused:
            self.tell_after(expired.timed.seconds, expired)
            return
        self._carry_out(self._tree.frame_expired(expired.timed.frame, expired.error()))

    async def _record_composite(self, place: Start, result: JsonValue, began: float | None) -> None:
        told = await record_composite(self.kernel, self._request.run_id, place, result, self._bench.record_timeout_s)
        if isinstance(told, StepDone):
            now = self.kernel.clock.now()
            self._herald.step("step_succeeded", place, duration_s=round(now - (now if began is None else began), 6))
        self.ref.tell(told)

    # ---- kill switches -------------------------------------------------------------------------------------

    def _switches_changed(self) -> None:
        if not self._reloading and self._pausing.free():
            self._reloading = True
            self.spawn_task(self._reload())

    async def _reload(self) -> None:
        """A step stopped in the moment of its record has a result that nobody was told: read it, not repeat it."""
        try:
            record = await journal(self.kernel, LoadRun(self._request.run_id), self._bench.record_timeout_s)
        finally:
            self._reloading = False
        self.ref.tell(_Reloaded(record))

    def _go_on(self, record: RunRecord | None) -> None:
        self._recorded = recorded_steps(record) or self._recorded
        for key in self._pausing.let_go():
            place = self._tree.places.get(key)
            if place is None or key in self._crew.at_work:
                continue
            if key in self._recorded:
                self._carry_out(self._tree.replay(key, self._recorded))
                continue
            self._herald.step("step_started", place)
            self._crew.begin_again(place)

    # ---- the end -------------------------------------------------------------------------------------------

    def _cancel(self) -> bool:
        if self._tree.ending:
            return False
        if self._finale.may_stand:  # then only the journal knows whether this comes too late
            self._cancelled = self.later()
        self._carry_out(self._tree.abort({"code": "cancelled", "message": "the run was cancelled"}))
        return True

    async def _end(self, error: dict[str, JsonValue] | None) -> None:
        await record_ending(self.kernel, self._request.run_id, error, self._bench.record_timeout_s)
        self.ref.tell(EndingStands())

    def _would_end(self, asked: WouldEnd) -> CloseRun | None:
        place, ticket = self._tree.places.get(asked.key), self._crew.at_work.get(asked.key)
        if place is None or ticket is None or not self._tree.is_last(place):
            return None
        now = self.kernel.clock.now()
        return self._finale.foresee(place, asked.status, asked.result, now - ticket.began, now - self._began)

    def _close(self, status: str, error: dict[str, JsonValue] | None) -> None:
        self._closing = True
        self._crew.stop_all(f"the run has {status}")
        standing = self._finale.standing(status)
        if standing is None:
            self.spawn_task(self._close_run(status, error), then=self._closed)
        else:
            self._herald.closed(standing)
            self.ref.exit(Normal())

    def _closed(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.ref.exit(Normal())

    async def _close_run(self, status: str, error: dict[str, JsonValue] | None) -> None:
        duration_s = self.kernel.clock.now() - self._began
        outcome = await self._finale.record(status, error, duration_s)
        self._herald.closed(outcome)
        if self._cancelled is not None:
            self._cancelled.set(outcome.status == "cancelled")
