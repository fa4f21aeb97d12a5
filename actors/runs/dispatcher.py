"""`RunDispatcher` ("runs"): lets runs in, has their trees started, and knows how each stands or ended.

It watches every run's supervisor: a run whose tree gives up ends as failed instead of hanging. What it knows can be
rebuilt: a restarted dispatcher takes over the trees that live, and starts those that the journal holds as unfinished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from msgspec import Struct
from msgspec.structs import replace as struct_replace

from actors.journal import FindRun, JournalError, RunRecord, UnfinishedRuns
from actors.kernel import Actor, ChildSpec, Down, Reply
from actors.runs.closing import outcome_of
from actors.runs.door import Door
from actors.runs.endings import RunEndings
from actors.runs.entrance import Entrance
from actors.runs.errors import (
    DrainingError,
    KillSwitchedError,
    RunError,
    RunNotFailedError,
    RunSuspendedError,
)
from actors.runs.idling import only_waits
from actors.runs.lookup import info_of, newest, record_of
from actors.runs.messages import (
    AwaitRun,
    CancelRun,
    Drain,
    GetRun,
    ListRuns,
    ReopenFailedRun,
    RunEnded,
    RunEvents,
    RunPaused,
    RunUnpaused,
    SubmitRun,
)
from actors.runs.preview import PreviewSwitch, preview
from actors.runs.recording import journal
from actors.runs.roll import Roll
from actors.runs.trees import GaveUp, RunTrees, Suspended, TreeEnded
from actors.runs.values import RunOutcome, RunRequest
from actors.runs.workbench import Workbench
from pipelines.language import LanguageError, resolve_inputs

DRAIN_LOOK_S = 0.25


class _GiveUpWaiting(Struct, frozen=True):
    run_id: str
    reply: Reply
    timeout_s: float


class _DrainExpired:
    """The live runs have had their time."""


class _DrainLook:
    """Perhaps none of the live runs does anything but wait."""


class _Learn:
    """Read from the journal what is unfinished."""


class _Relaunch:
    """Start what the journal holds as unfinished."""


class RunDispatcher(Actor):
    """Answers SubmitRun, ReopenFailedRun, AwaitRun, GetRun, ListRuns, CancelRun, RunEvents, Drain, PreviewSwitch.

    `run_child_spec` builds the child spec of a run's tree from its request; "pipelines" starts it. At most
    `max_live_runs` runs live at a time, `max_live_runs_per_tenant` of one user; the outcomes of the last
    `keep_finished` runs are kept in memory, older ones come from the journal.
    """

    expected_errors = (RunError, LanguageError, JournalError)
    mailbox_limit = 100_000

    def __init__(
        self,
        run_child_spec: Callable[[RunRequest], ChildSpec],
        bench: Workbench,
        *,
        max_live_runs: int = 10_000,
        max_live_runs_per_tenant: int | None = None,
        keep_finished: int = 1_000,
    ) -> None:
        super().__init__()
        self._bench = bench
        self._roll = Roll(keep_finished)
        self._door = Door(self._roll, self.kernel, max_live_runs, max_live_runs_per_tenant)
        self._trees = RunTrees(self, run_child_spec)
        self._endings = RunEndings(self, self._roll, self._trees, bench)
        self._entrance = Entrance(self, self._roll, self._trees, self._endings, bench)
        self._unfinished: tuple[RunRecord, ...] = ()
        self._draining: Reply | None = None
        self._closed_for_runs = False

    def on_start(self) -> None:
        """What the journal knows is the first message, before any other, and not part of the start: a start that waited
        for the journal would hold up the very supervisor that has to bring a dead journal back.
        """
        self.ref.tell(_Learn())

    async def _learn(self) -> None:
        """Learns which runs are unfinished; they count as live at once and are started in a task."""
        self._unfinished = await journal(self.kernel, UnfinishedRuns(), self._bench.record_timeout_s)
        self._bench.former_lives.keep(self._unfinished)
        for record in self._unfinished:
            self._roll.enter(record.run_id, record.pipeline_name, str(record.meta.get("tenant") or ""))
        if self._unfinished:
            self.ref.tell(_Relaunch())

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: what waits for others is deferred."""
        match message:
            case SubmitRun(request):
                return self._submit(request)
            case ReopenFailedRun():
                return self._reopen(message)
            case AwaitRun(run_id, timeout_s):
                return self._await(run_id, timeout_s)
            case GetRun(run_id):
                return self.defer(info_of(self.kernel, run_id, self._roll.paused.get(run_id), self._bench.voice))
            case ListRuns(limit):
                return self.defer(newest(self.kernel, limit, self._roll.paused))
            case CancelRun(run_id):
                return self._answer(self._endings.cancel(run_id))
            case RunEvents(run_id, since):
                return self._bench.voice.since(run_id, since)
            case PreviewSwitch(switch):
                return self.defer(preview(self.kernel, tuple(self._roll), switch))
            case RunEnded(outcome):
                self._endings.ended(outcome)
            case RunPaused(run_id, reason):
                self._roll.pause(run_id, reason)
            case RunUnpaused(run_id):
                self._roll.pause(run_id, None)
            case Drain(timeout_s):
                return self._drain(timeout_s)
            case Down():
                self._trees.down(message)
            case TreeEnded():
                self._tree_ended(message)
            case _GiveUpWaiting(run_id, reply, timeout_s):
                self._roll.give_up(run_id, reply, timeout_s)
            case _DrainExpired():
                self._drained()
            case _DrainLook():
                self._look_whether_drained()
            case _Learn():
                return self._learn()
            case _Relaunch():
                self.spawn_task(self._relaunch())
            case _:
                raise TypeError(f"a RunDispatcher does not take {type(message).__name__}")
        return None

    def _answer(self, work: Coroutine[Any, Any, Any]) -> None:
        """Like `defer`, but goes on when the caller leaves: what was half done would belong to nobody."""
        self.spawn_task(_bring(self.later(), work))

    # ---- letting in ----------------------------------------------------------------------------------------

    def _submit(self, request: RunRequest) -> Any:
        inputs = resolve_inputs(request.pipeline, request.inputs)
        if inputs or request.inputs:
            request = struct_replace(request, inputs=inputs)
        try:
            self._check_room(request)
        except RunError as refused:
            if request.idempotency_key is None:
                raise
            return self._answer(self._known(request, refused))
        if request.run_id in self._roll:
            return request.run_id
        live = self._roll.enter(request.run_id, request.pipeline.name, request.tenant)
        return self._answer(self._entrance.open(request, live))

    async def _known(self, request: RunRequest, refused: RunError) -> str:
        """The run that has the request's key, which needs no room any more. Raises `refused` when it is a new one."""
        wanted = FindRun(request.idempotency_key or "")
        if await journal(self.kernel, wanted, self._bench.record_timeout_s) is None:
            raise refused
        live = self._roll.enter(request.run_id, request.pipeline.name, request.tenant)
        return await self._entrance.open(request, live)

    def _check_room(self, request: RunRequest) -> None:
        if self._closed_for_runs:
            raise DrainingError
        switch = self._bench.kill_view.blocked(request.pipeline.name, subject=request.subject)
        if switch is not None:
            raise KillSwitchedError(switch)
        self._door.check(request)

    def _reopen(self, order: ReopenFailedRun) -> Any:
        request = order.request
        if request.run_id in self._roll:
            raise RunNotFailedError(request.run_id)
        self._check_room(request)
        request = struct_replace(request, inputs=resolve_inputs(request.pipeline, request.inputs))
        live = self._roll.enter(request.run_id, request.pipeline.name, request.tenant)
        return self._answer(self._entrance.reopen(replace(order, request=request), live))

    async def _relaunch(self) -> None:
        records, self._unfinished = deque(self._unfinished), ()
        await self._entrance.take_up(records)

    # ---- waiting and looking -------------------------------------------------------------------------------

    def _await(self, run_id: str, timeout_s: float) -> Any:
        known = self._roll.outcome(run_id)
        if known is not None:
            return known
        live = self._roll.get(run_id)
        if live is None:
            return self.defer(self._outcome_from_journal(run_id))
        reply = self.later()
        live.wait(reply, self.tell_after(timeout_s, _GiveUpWaiting(run_id, reply, timeout_s)))
        return None

    async def _outcome_from_journal(self, run_id: str) -> RunOutcome:
        record = await record_of(self.kernel, run_id)
        if not record.finished:
            raise RunSuspendedError(run_id)
        return outcome_of(record)

    # ---- ending --------------------------------------------------------------------------------------------

    def _tree_ended(self, ended: TreeEnded) -> None:
        live = self._roll.get(ended.run_id)
        match None if live is None else self._trees.judge(live, ended.reason):
            case GaveUp(error):
                self.spawn_task(self._endings.fail(ended.run_id, error))
            case Suspended():
                assert live is not None
                self._endings.forget(live, RunSuspendedError(ended.run_id))
            case None:
                pass

    # ---- draining ------------------------------------------------------------------------------------------

    def _drain(self, timeout_s: float) -> Any:
        self._closed_for_runs = True
        if not len(self._roll):
            return 0
        self._draining = self.later()
        self._roll.when_empty = self._drained
        self.tell_after(timeout_s, _DrainExpired())
        self._look_whether_drained()
        return None

    def _look_whether_drained(self) -> None:
        """Runs that wait for a person or a time are left to the next node."""
        if self._draining is None:
            return
        if all(only_waits(self._bench.voice.since(run_id, 0)) for run_id in self._roll):
            self._drained()
        else:
            self.tell_after(DRAIN_LOOK_S, _DrainLook())

    def _drained(self) -> None:
        reply, self._draining = self._draining, None
        if reply is not None:
            reply.set(len(self._roll))


async def _bring(reply: Reply, work: Coroutine[Any, Any, Any]) -> None:
    try:
        reply.set(await work)
    except RunDispatcher.expected_errors as error:
        reply.fail(error)
