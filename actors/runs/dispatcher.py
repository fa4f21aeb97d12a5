"""`RunDispatcher` ("runs"): lets runs in, has their trees started, and knows how each stands or ended.

It watches every run's supervisor: a run whose tree gives up ends as failed instead of hanging. What it knows can be
rebuilt: a restarted dispatcher takes over the trees that live, and starts those that the journal holds as unfinished.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from actors.journal import CloseRun, JournalError, LoadRun, OpenRun, RunRecord, UnfinishedRuns
from actors.journal import ListRuns as ListRecords
from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    CallTimeout,
    ChildSpec,
    Down,
    ExitReason,
    KernelError,
    MonitorRef,
    Reply,
    Shutdown,
    StartChild,
    TerminateChild,
    is_abnormal,
)
from actors.runs.closing import outcome_of
from actors.runs.errors import (
    DrainingError,
    KillSwitchedError,
    NoSuchRunError,
    RunError,
    RunNotStartedError,
    RunStillRunningError,
    RunSuspendedError,
    TooManyRunsError,
)
from actors.runs.messages import (
    AwaitRun,
    CancelRun,
    Drain,
    GetRun,
    ListRuns,
    RunEnded,
    RunEvents,
    RunPaused,
    RunUnpaused,
    SubmitRun,
)
from actors.runs.names import pipeline_name, run_name
from actors.runs.recording import journal
from actors.runs.restoring import DefinitionTexts, meta_of, request_of
from actors.runs.showing import info_of_record, info_of_summary
from actors.runs.values import RunInfo, RunOutcome, RunRequest
from actors.runs.workbench import Workbench
from pipelines.language import LanguageError, resolve_inputs

_START_TIMEOUT_S = 30.0
_CANCEL_TIMEOUT_S = 5.0
_LOOK_AGAIN_S = 0.05


@dataclass(slots=True, eq=False)
class _Live:
    """A run that has not ended. `watched` is None until its tree has started."""

    run_id: str
    pipeline: str
    watched: MonitorRef | None = None
    paused: str | None = None
    waiting: list[Reply] = field(default_factory=list[Reply])


@dataclass(frozen=True, slots=True)
class _GiveUpWaiting:
    run_id: str
    reply: Reply
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _TreeEnded:
    """A run's supervisor has ended; comes behind what its PipelineActor told."""

    run_id: str
    reason: ExitReason


class _Relaunch:
    """Start what the journal holds as unfinished."""


class RunDispatcher(Actor):
    """Answers SubmitRun, AwaitRun, GetRun, ListRuns, CancelRun, RunEvents, Drain.

    `run_child_spec` builds the child spec of a run's tree from its request; "pipelines" starts it. At most
    `max_live_runs` runs live at a time; the outcomes of the last `keep_finished` runs are kept in memory, older ones
    come from the journal.
    """

    expected_errors = (RunError, LanguageError, JournalError)
    mailbox_limit = 100_000

    def __init__(
        self,
        run_child_spec: Callable[[RunRequest], ChildSpec],
        bench: Workbench,
        *,
        max_live_runs: int = 10_000,
        keep_finished: int = 1_000,
    ) -> None:
        super().__init__()
        self._run_child_spec = run_child_spec
        self._bench = bench
        self._max_live_runs = max_live_runs
        self._keep_finished = keep_finished
        self._live: dict[str, _Live] = {}
        self._run_of: dict[MonitorRef, str] = {}
        self._finished: OrderedDict[str, RunOutcome] = OrderedDict()
        self._unfinished: tuple[RunRecord, ...] = ()
        self._definitions = DefinitionTexts()
        self._draining: Reply | None = None
        self._closed_for_runs = False

    async def on_start(self) -> None:
        """Learns which runs are unfinished; they count as live at once and are started in a task."""
        self._unfinished = await journal(self.kernel, UnfinishedRuns(), self._bench.record_timeout_s)
        for record in self._unfinished:
            self._live[record.run_id] = _Live(record.run_id, record.pipeline_name)
        if self._unfinished:
            self.ref.tell(_Relaunch())

    def on_receive(self, message: Any) -> Any:
        """Plain on purpose: what waits for others is deferred."""
        match message:
            case SubmitRun(request):
                return self._submit(request)
            case AwaitRun(run_id, timeout_s):
                return self._await(run_id, timeout_s)
            case GetRun(run_id):
                return self.defer(self._get(run_id))
            case ListRuns(limit):
                return self.defer(self._list(limit))
            case CancelRun(run_id):
                return self._answer(self._cancel(run_id))
            case RunEvents(run_id, since):
                return self._bench.voice.since(run_id, since)
            case RunEnded(outcome):
                self._ended(outcome)
            case RunPaused(run_id, reason):
                self._set_paused(run_id, reason)
            case RunUnpaused(run_id):
                self._set_paused(run_id, None)
            case Drain(timeout_s):
                return self._drain(timeout_s)
            case Down(monitor=monitor, reason=reason):
                self._watched_ended(monitor, reason)
            case _TreeEnded(run_id, reason):
                self._tree_ended(run_id, reason)
            case _GiveUpWaiting():
                self._give_up_waiting(message)
            case _DrainExpired():
                self._drained()
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
        if self._closed_for_runs:
            raise DrainingError
        switch = self._bench.kill_view.blocked(pipeline=request.pipeline.name)
        if switch is not None:
            raise KillSwitchedError(switch)
        if len(self._live) >= self._max_live_runs:
            raise TooManyRunsError(self._max_live_runs)
        request = replace(request, inputs=resolve_inputs(request.pipeline, request.inputs))
        if request.run_id in self._live:
            return request.run_id
        live = self._live[request.run_id] = _Live(request.run_id, request.pipeline.name)
        return self._answer(self._open(request, live))

    async def _open(self, request: RunRequest, live: _Live) -> str:
        pipeline = request.pipeline
        entry = OpenRun(
            run_id=request.run_id,
            pipeline_name=pipeline.name,
            definition=self._definitions.of(request),
            definition_hash=pipeline.content_hash,
            inputs=request.inputs,
            meta=meta_of(request),
            idempotency_key=request.idempotency_key,
        )
        try:
            run_id, created = await self.kernel.ref("journal").call(entry, timeout_s=_START_TIMEOUT_S)
        except BaseException as error:
            self._forget(live, error if isinstance(error, Exception) else RunSuspendedError(request.run_id))
            if isinstance(error, ActorDeadError | CallTimeout):
                raise RunNotStartedError(request.run_id, f"the journal does not answer ({error})") from error
            raise
        if not created:
            self._hand_over(live, run_id)
            return run_id
        self._bench.voice.say(self.kernel, run_id, "run_accepted", pipeline=pipeline.name, origin=request.origin)
        await self._launch_or_fail(request, live)
        return run_id

    async def _launch_or_fail(self, request: RunRequest, live: _Live) -> None:
        try:
            await self._launch(request, live)
        except KernelError as error:
            reason = f"{type(error).__name__}: {error}"
            failure: dict[str, Any] = {"code": "run_not_started", "message": reason}
            await self._fail(request.run_id, failure)
            raise RunNotStartedError(request.run_id, reason) from error

    async def _launch(self, request: RunRequest, live: _Live) -> None:
        spec = self._run_child_spec(request)
        ref = await self.kernel.ref("pipelines").call(StartChild(spec), timeout_s=_START_TIMEOUT_S)
        if live.run_id in self._live:
            self._watch(live, ref)

    def _watch(self, live: _Live, ref: ActorRef[Any] | None) -> None:
        """A tree that has ended already (None) is judged like one that ends later."""
        if ref is None:
            self.ref.tell(_TreeEnded(live.run_id, Shutdown("its tree ended as soon as it had started")))
            return
        live.watched = self.monitor(ref)
        self._run_of[live.watched] = live.run_id

    def _hand_over(self, live: _Live, run_id: str) -> None:
        """The request was made before: whoever waits for this id waits for the run that has the key."""
        if self._live.get(live.run_id) is live and live.run_id != run_id:
            del self._live[live.run_id]
            for reply in live.waiting:
                reply.fail(NoSuchRunError(live.run_id))
        elif live.watched is None and self._live.get(run_id) is live:
            # The same run id again: either it lives (then this entry is new only here) or it has ended.
            self.spawn_task(self._settle_repeated(live))

    async def _settle_repeated(self, live: _Live) -> None:
        record = await journal(self.kernel, LoadRun(live.run_id), self._bench.record_timeout_s)
        if record is not None and record.finished:
            self._ended(outcome_of(record))
        elif record is not None:
            await self._relaunch_one(record)

    # ---- resuming ------------------------------------------------------------------------------------------

    async def _relaunch(self) -> None:
        records, self._unfinished = self._unfinished, ()
        for record in records:
            if record.run_id in self._live:
                await self._relaunch_one(record)

    async def _relaunch_one(self, record: RunRecord) -> None:
        live = self._live[record.run_id]
        tree = self.kernel.registry.whereis(run_name(record.run_id))
        if tree is not None:
            self._watch(live, tree)
            return
        request = request_of(record)
        if not isinstance(request, RunRequest):
            await self._fail(record.run_id, request)
            return
        with contextlib.suppress(RunNotStartedError):  # recorded and said: the other runs go on
            await self._launch_or_fail(request, live)

    # ---- waiting and looking -------------------------------------------------------------------------------

    def _await(self, run_id: str, timeout_s: float) -> Any:
        known = self._finished.get(run_id)
        if known is not None:
            return known
        live = self._live.get(run_id)
        if live is None:
            return self.defer(self._outcome_from_journal(run_id))
        reply = self.later()
        live.waiting.append(reply)
        self.tell_after(timeout_s, _GiveUpWaiting(run_id, reply, timeout_s))
        return None

    def _give_up_waiting(self, waiting: _GiveUpWaiting) -> None:
        live = self._live.get(waiting.run_id)
        if live is None or waiting.reply not in live.waiting:
            return
        live.waiting.remove(waiting.reply)
        if live.paused is None:
            waiting.reply.fail(RunStillRunningError(waiting.run_id, waiting.timeout_s))
            return
        error: dict[str, Any] = {"code": "paused", "message": live.paused}
        waiting.reply.set(RunOutcome(waiting.run_id, "paused", {}, {}, error, {}, None, 0.0))

    async def _outcome_from_journal(self, run_id: str) -> RunOutcome:
        record = await self._record(run_id)
        if not record.finished:
            raise RunSuspendedError(run_id)
        return outcome_of(record)

    async def _record(self, run_id: str) -> RunRecord:
        record: RunRecord | None = await journal(self.kernel, LoadRun(run_id), _CANCEL_TIMEOUT_S)
        if record is None:
            raise NoSuchRunError(run_id)
        return record

    async def _get(self, run_id: str) -> RunInfo:
        record = await self._record(run_id)
        live = self._live.get(run_id)
        return info_of_record(record, None if live is None else live.paused, self._bench.voice.since(run_id, 0))

    async def _list(self, limit: int) -> tuple[RunInfo, ...]:
        summaries = await journal(self.kernel, ListRecords(limit), _CANCEL_TIMEOUT_S)
        paused = {run_id: live.paused for run_id, live in self._live.items() if live.paused is not None}
        return tuple(info_of_summary(summary, paused.get(summary.run_id)) for summary in summaries)

    # ---- ending --------------------------------------------------------------------------------------------

    async def _cancel(self, run_id: str) -> bool:
        if run_id not in self._live:
            await self._record(run_id)
            return False
        try:
            return await self.kernel.ref(pipeline_name(run_id)).call(CancelRun(run_id), timeout_s=_CANCEL_TIMEOUT_S)
        except (ActorDeadError, CallTimeout):
            # Its PipelineActor is between two lives, or hangs: end the whole tree and close the run from here.
            tree = self.kernel.registry.whereis(run_name(run_id))
            if tree is not None:
                with contextlib.suppress(KernelError):  # it has ended meanwhile
                    await self.kernel.ref("pipelines").call(TerminateChild(tree), timeout_s=_START_TIMEOUT_S)
            return await self._conclude(run_id, "cancelled", {"code": "cancelled", "message": "the run was cancelled"})

    async def _fail(self, run_id: str, error: dict[str, Any]) -> None:
        await self._conclude(run_id, "failed", error)

    async def _conclude(self, run_id: str, status: Any, error: dict[str, Any]) -> bool:
        """Closes a run that has no PipelineActor any more; whether it ended so and not otherwise before."""
        kept: dict[str, Any] = {"error": error}
        stands = await journal(self.kernel, CloseRun(run_id, status, kept), self._bench.record_timeout_s)
        if run_id in self._live:
            record = await self._record(run_id)
            if stands == status:
                kind: Any = f"run_{status}"
                self._bench.voice.say(self.kernel, run_id, kind, pipeline=record.pipeline_name, error=error)
            self._ended(outcome_of(record))
        return stands == status

    def _ended(self, outcome: RunOutcome) -> None:
        live = self._live.pop(outcome.run_id, None)
        self._finished[outcome.run_id] = outcome
        while len(self._finished) > self._keep_finished:
            self._finished.popitem(last=False)
        if live is not None:
            self._unwatch(live)
            for reply in live.waiting:
                reply.set(outcome)
        if self._draining is not None and not self._live:
            self._drained()

    def _forget(self, live: _Live, error: Exception) -> None:
        """The run is not live here and has no outcome."""
        if self._live.get(live.run_id) is live:
            del self._live[live.run_id]
        self._unwatch(live)
        for reply in live.waiting:
            reply.fail(error)

    def _unwatch(self, live: _Live) -> None:
        if live.watched is not None:
            self._run_of.pop(live.watched, None)
            self.demonitor(live.watched)
            live.watched = None

    def _watched_ended(self, monitor: MonitorRef, reason: ExitReason) -> None:
        run_id = self._run_of.pop(monitor, None)
        if run_id is not None:
            # A Down overtakes what was told before it: let the run's own last words come first.
            self.ref.tell(_TreeEnded(run_id, reason))

    def _tree_ended(self, run_id: str, reason: ExitReason) -> None:
        """The tree is gone and nobody said how the run ended: restarted, stopped with the node, or given up."""
        live = self._live.get(run_id)
        if live is None:
            return
        live.watched = None
        if is_abnormal(reason):
            tree = self.kernel.registry.whereis(run_name(run_id))
            if tree is not None:
                self._watch(live, tree)
                return
            # "pipelines" restarts it in its next turn, or has itself given up; then the node's own tree decides.
            if self.kernel.registry.whereis("pipelines") is not None:
                self.tell_after(_LOOK_AGAIN_S, _TreeEnded(run_id, Shutdown(f"its tree ended: {reason}")))
                return
        elif isinstance(reason, Shutdown) and reason.term is not None:
            tree = self.kernel.registry.whereis(run_name(run_id))
            if tree is not None:
                self._watch(live, tree)
                return
            error: dict[str, Any] = {"code": "run_gave_up", "message": f"the run's actors gave up ({reason.term})"}
            self.spawn_task(self._fail(run_id, error))
            return
        self._forget(live, RunSuspendedError(run_id))

    def _set_paused(self, run_id: str, reason: str | None) -> None:
        live = self._live.get(run_id)
        if live is not None:
            live.paused = reason

    # ---- draining ------------------------------------------------------------------------------------------

    def _drain(self, timeout_s: float) -> Any:
        self._closed_for_runs = True
        if not self._live:
            return 0
        self._draining = self.later()
        self.tell_after(timeout_s, _DrainExpired())
        return None

    def _drained(self) -> None:
        reply, self._draining = self._draining, None
        if reply is not None:
            reply.set(len(self._live))


class _DrainExpired:
    """The live runs have had their time."""


async def _bring(reply: Reply, work: Coroutine[Any, Any, Any]) -> None:
    try:
        reply.set(await work)
    except RunDispatcher.expected_errors as error:
        reply.fail(error)
