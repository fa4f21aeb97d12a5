"""Where runs come in: new ones, repeated requests for known ones, and those that the journal holds as unfinished."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any

from actors.journal import LoadRun, ReopenRun, RunRecord
from actors.kernel import Actor, KernelError
from actors.runs.closing import outcome_of
from actors.runs.endings import RunEndings
from actors.runs.errors import NoSuchRunError, RunNotFailedError, RunNotStartedError, RunSuspendedError
from actors.runs.messages import ReopenFailedRun
from actors.runs.recording import journal
from actors.runs.restoring import request_of
from actors.runs.roll import LiveRun, Roll
from actors.runs.trees import RunTrees
from actors.runs.values import RunRequest
from actors.runs.workbench import Workbench
from pipelines.extraction import checks_prepared, prepare_checks
from pipelines.language import Pipeline

_FIELDS = "fields"  # an approval's, whose schema is checked as the definition is read


class Entrance:
    """Brings runs from their request to a watched tree. Tasks of `actor` carry what its callers do not wait for."""

    def __init__(self, actor: Actor, roll: Roll, trees: RunTrees, endings: RunEndings, bench: Workbench) -> None:
        self._actor = actor
        self._kernel = actor.kernel
        self._roll = roll
        self._trees = trees
        self._endings = endings
        self._bench = bench

    async def open(self, request: RunRequest, live: LiveRun) -> str:
        """Lets in a run that has just been entered on the roll; the id of the run that stands for the request.

        Raises `JournalError` (nothing was kept) or `RunNotStartedError`.
        """
        try:
            run_id, created = await self._trees.record(request)
        except BaseException as error:
            known = error if isinstance(error, Exception) else RunSuspendedError(request.run_id)
            self._endings.forget(live, known)
            raise
        if not created:
            self._hand_over(live, run_id)
            return run_id
        name = request.pipeline.name
        self._bench.voice.say(self._kernel, run_id, "run_accepted", pipeline=name, origin=request.origin)
        await self._start(request, live)
        return run_id

    async def reopen(self, order: ReopenFailedRun, live: LiveRun) -> str:
        """Lets a failed run go on; it has just been entered on the roll. Raises as `ReopenFailedRun` says."""
        request = order.request
        entry = ReopenRun(
            run_id=request.run_id,
            definition=self._trees.text_of(request),
            definition_hash=request.pipeline.content_hash,
            meta=order.meta,
            drop=order.dropped,
            round=order.round,
        )
        try:
            if not await journal(self._kernel, entry, self._bench.record_timeout_s):
                raise RunNotFailedError(request.run_id)
        except BaseException as error:
            known = error if isinstance(error, Exception) else RunSuspendedError(request.run_id)
            self._endings.forget(live, known)
            raise
        self._roll.revive(request.run_id)
        self._bench.voice.say(self._kernel, request.run_id, "run_reopened", dropped=len(order.dropped))
        await self._start(request, live)
        return request.run_id

    async def take_up(self, records: deque[RunRecord]) -> None:
        """Resumes what is unfinished, the oldest first. Each record is let go in its turn."""
        # More definitions than the process's cache keeps are read once all the same: their runs hold them anyway.
        pipelines: dict[str, Pipeline] = {}
        if not checks_prepared() and any(_FIELDS in str(each.definition) for each in records):
            await asyncio.to_thread(prepare_checks)
        while records:
            await self.resume(records.popleft(), pipelines)

    async def resume(self, record: RunRecord, pipelines: dict[str, Pipeline] | None = None) -> None:
        """Takes over the tree of an unfinished run, or starts it anew. One that cannot go on ends as failed, an
        alternative of the fallback that nobody waits for as cancelled. `pipelines` as in `request_of`."""
        live = self._roll.get(record.run_id)
        if live is None or self._trees.take_over(live):
            self._bench.former_lives.forget(record.run_id)
            return
        if record.meta.get("origin") == "fallback":
            # Its search died with the node or with its run's tree; the step asks anew, and would pay for both.
            await self._endings.abandon(record.run_id)
            return
        request = request_of(record, pipelines)
        if not isinstance(request, RunRequest):
            await self._endings.fail(record.run_id, request)
            return
        with contextlib.suppress(RunNotStartedError):  # recorded and said: the other runs go on
            await self._start(request, live)

    async def _start(self, request: RunRequest, live: LiveRun) -> None:
        try:
            ref = await self._trees.start(request)
            if live.run_id in self._roll:
                self._trees.watch(live, ref)
        except KernelError as error:
            reason = f"{type(error).__name__}: {error}"
            failure: dict[str, Any] = {"code": "run_not_started", "message": reason}
            await self._endings.fail(request.run_id, failure)
            raise RunNotStartedError(request.run_id, reason) from error

    def _hand_over(self, live: LiveRun, run_id: str) -> None:
        """The request was made before: whoever waits for this id waits for the run that has the key."""
        if live.run_id != run_id:
            if self._roll.strike(live):
                live.answer(NoSuchRunError(live.run_id))
        elif live.watched is None and self._roll.get(run_id) is live:
            # The same run id again: either it lives (then this entry is new only here) or it has ended.
            self._actor.spawn_task(self._settle_repeated(live))

    async def _settle_repeated(self, live: LiveRun) -> None:
        record = await journal(self._kernel, LoadRun(live.run_id), self._bench.record_timeout_s)
        if record is not None and record.finished:
            self._endings.ended(outcome_of(record))
        elif record is not None:
            await self.resume(record)
