"""`StepActor`: one step of one run, from its condition to its result in the journal.

It tries as often as the step's policy allows, asks the emergent fallback when its own attempts are used up, records
what came of it, tells the PipelineActor, and ends. Killed, it is restarted by the run's steps supervisor and begins its
step again; two results for one step cannot stand, because the journal keeps the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeGuard

from pydantic import JsonValue

from actors.journal import JournalError
from actors.kernel import Actor, ActorDeadError, ChildSpec, Normal, Shutdown
from actors.killswitch import Work
from actors.runs.beginning import error_in
from actors.runs.deadline import deadline
from actors.runs.messages import Restate, StepBlocked, StepDone, StepGaveUp, StepOpened, StepStopped
from actors.runs.purse import Purse
from actors.runs.splicing import another_way
from actors.runs.step_records import StepRecords
from actors.runs.ticket import StepTicket
from actors.runs.workbench import Workbench
from actors.steps import (
    PROVIDER_FAMILIES,
    StepContext,
    SwitchedOffError,
    Till,
    check_switches,
    failure_of,
    provider_of,
    write_output,
    write_outputs,
)
from pipelines.execution import (
    Composite,
    FailureKind,
    StepFailure,
    after_failure,
    kind_of_error,
    retry_delay_s,
    skipped_result,
    skipped_with,
    wants_another_way,
)
from pipelines.guardrails import Switch

_NO_KWARGS: Mapping[str, Any] = {}


def step_child(ticket: StepTicket, bench: Workbench) -> ChildSpec:
    """The child spec for the run's steps supervisor."""
    name = ticket.name
    return ChildSpec(name, StepActor, (ticket, bench), _NO_KWARGS, name, "transient", 2.0)


class StepActor(Actor):
    """Works on its ticket as soon as it has started; takes `Restate`. Ends normally when it has told its result.

    A kill switch that covers it cuts it off wherever it is, until it has its result: that one is recorded, so that what
    it cost is not paid for twice.
    """

    mailbox_limit = 16

    def __init__(self, ticket: StepTicket, bench: Workbench) -> None:
        super().__init__()
        self._ticket = ticket
        self._bench = bench
        self._purse: Purse | None = None
        self._till: Till | None = None
        self._task: asyncio.Task[Any] | None = None
        self._at_work: Work | None = None
        self._switch: Switch | None = None  # the one that has cut it off
        self._records = StepRecords(self.kernel, ticket, bench.record_timeout_s)

    def on_start(self) -> None:
        """Begins the work in a task of this actor."""
        ticket, ref = self._ticket, self.ref
        ticket.incarnations += 1
        if ticket.payers:
            self._purse = Purse(self.kernel, ref, ticket.payers, self._bench.price_of)
        if ticket.account is not None and self._bench.till_of is not None:
            self._till = self._bench.till_of(self.kernel, ref, ticket.account)
        if ticket.incarnations > 1:
            self._say("step_restarted", incarnation=ticket.incarnations)
        if ticket.skipped_with is None:
            step = ticket.step
            family = PROVIDER_FAMILIES.get(step.type)
            provider = None if family is None else provider_of(step, family, ticket.routes)
            self._at_work = Work(ref, ticket.ancestry.names, provider, ticket.subject, self._cut)
            self._bench.kill_view.at_work.enter(self._at_work)
        self._task = self.spawn_task(self._work(), then=self._ended)

    def on_receive(self, message: Restate) -> None:
        """Plain: it only tells."""
        if self._purse is not None:
            self._purse.restate()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        switch = self._switch
        self._leave()
        if self.exit_reason is not None or (switch is None and (task.cancelled() or task.exception() is not None)):
            return
        if switch is not None:
            self._tell(StepBlocked(self._ticket.key, switch))
        # Ending from outside of the task leaves nothing to wait for: no further task is needed for the exit.
        self.ref.exit(Normal())

    def _cut(self, switch: Switch) -> None:
        self._switch = switch
        if self._task is not None:
            self._task.cancel()

    def _leave(self) -> None:
        """From here on no switch concerns it any more."""
        work, self._at_work, self._switch = self._at_work, None, None
        if work is not None:
            self._bench.kill_view.at_work.leave(work)

    def on_stop(self) -> None:
        """Stopped before it was done: the PipelineActor decides whether the step is still wanted."""
        if isinstance(self.exit_reason, Shutdown):
            self._tell(StepStopped(self._ticket.key, self._ticket))

    async def _work(self) -> None:
        ticket = self._ticket
        result: Any
        try:
            if ticket.skipped_with is not None:
                status, result = "skipped", skipped_with(ticket.skipped_with)
            else:
                check_switches(self._bench.kill_view, ticket.ancestry, None, ticket.subject)
                if ticket.failed is not None:
                    status, result = await self._after(ticket.failed, kind_of_error(ticket.failed))
                else:
                    status, result = await self._attempts()
        except SwitchedOffError as stopped:
            self._switch = stopped.switch
            return
        self._leave()
        if status == "opened":
            self._tell(StepOpened(ticket.key, result))
            return
        await self._conclude(status, result, round(self.kernel.clock.now() - ticket.began, 6))

    # ---- attempts ------------------------------------------------------------------------------------------

    async def _attempts(self) -> tuple[str, Any]:
        """(status, result); the status "opened" comes with a `Composite`, "failed" with the error."""
        ticket = self._ticket
        step = ticket.step
        kept: dict[str, Any] = {}
        attempt = 1
        while True:
            self._records.attempt = attempt
            try:
                if step.condition is not None:
                    skipped = skipped_result(step, ticket.scope)
                    if skipped is not None:
                        return "skipped", skipped
                context = self._context(attempt, kept)
                result = await self._execution(context)
                if not is_result(result):
                    return "opened", result
                if step.output_to_file is not None:
                    await write_output(context, result)
                return "succeeded", result
            except SwitchedOffError:
                raise
            except Exception as error:  # the border of a step: whatever it raises is the policy's business
                if self._switch is not None:  # it made an error of being cut off
                    raise SwitchedOffError(self._switch) from error
                failure = failure_of(error)
            delay_s = retry_delay_s(step.retry, attempt, failure, self.kernel.rng)
            if delay_s is None:
                limited = failure.kind is FailureKind.LIMIT
                resort = None if limited else await self._last_resort(failure, attempt, kept)
                if resort is not None:
                    return await self._with_files(resort, "degraded")
                return await self._after(failure.error(ticket.key, step.type, attempt), failure.kind)
            said = failure.error(ticket.key, step.type, attempt)
            self._say("step_retrying", attempt=attempt + 1, delay_s=round(delay_s, 3), error=said)
            await self.kernel.clock.sleep(delay_s)
            attempt += 1

    def _context(self, attempt: int, kept: dict[str, Any]) -> StepContext:
        ticket, bench = self._ticket, self._bench
        step = ticket.step
        return StepContext(
            kernel=self.kernel,
            run_id=ticket.run_id,
            key=ticket.key,
            step=step,
            scope=ticket.scope,
            ancestry=ticket.ancestry,
            workspace=ticket.workspace,
            routes=ticket.routes,
            kill_view=bench.kill_view,
            threads=bench.threads,
            record=self._records.keep_part,
            recall=self._records.parts,
            say=self._say,
            attempt=attempt,
            last_attempt=attempt >= step.retry.max_attempts,
            kept=kept,
            purse=self._purse,
            till=self._till,
            subject=ticket.subject,
            breakers=self._bench.breakers,
            submitters=ticket.submitters,
            approval_rules=bench.approval_rules,
            work=self._at_work,
        )

    def _execution(self, context: StepContext) -> Awaitable[JsonValue | Composite]:
        """Plain: thousands of steps wait here at a time, each with all the coroutines around what it waits for."""
        step = self._ticket.step
        execution = self._bench.executors[step.type](context)
        return execution if step.timeout_s is None else self._in_time(execution, step.timeout_s)

    async def _in_time(self, execution: Awaitable[JsonValue | Composite], timeout_s: float) -> JsonValue | Composite:
        async with deadline(self.kernel.clock, timeout_s):
            return await execution

    async def _last_resort(self, failure: StepFailure, attempt: int, kept: dict[str, Any]) -> JsonValue | None:
        ticket = self._ticket
        resort = self._bench.last_resorts.get(ticket.step.type)
        if resort is None:
            return None
        error = failure.error(ticket.key, ticket.step.type, attempt)
        return await resort(self._context(attempt, kept), error, failure.kind)

    async def _after(self, error: dict[str, JsonValue], kind: FailureKind) -> tuple[str, Any]:
        """What follows once the step's own attempts are used up."""
        ticket = self._ticket
        step = ticket.step
        if ticket.may_fall_back and wants_another_way(step, kind):
            found = await another_way(self.kernel, ticket, error, self._bench.fallback_timeout_s, self._say)
            if found is not None:
                return await self._with_files(found)
        return after_failure(step, ticket.key, error)

    async def _with_files(self, found: JsonValue, status: str = "recovered") -> tuple[str, Any]:
        """A healed step leaves the same files as one that succeeded: later steps read them."""
        ticket = self._ticket
        try:
            await write_outputs(self._context(1, {}), found)
        except Exception as error:  # noqa: BLE001 - the border of a step, as in `_attempts`
            return after_failure(ticket.step, ticket.key, failure_of(error).error(ticket.key, ticket.step.type, 1))
        return status, found

    # ---- conclusion ----------------------------------------------------------------------------------------

    async def _conclude(self, status: str, result: JsonValue, duration_s: float) -> None:
        """Makes the result durable, then tells of it."""
        ticket = self._ticket
        try:
            stands, ended = await self._records.result(status, result)
        except JournalError as error:
            problem = StepFailure(FailureKind.ERROR, error.code, str(error)).error(ticket.key, ticket.step.type, 1)
            self._say("step_failed", duration_s=duration_s, error=problem)
            self._tell(StepGaveUp(ticket.key, problem))
            return
        large = {} if stands.stored is None else {"large": stands.stored.facts()}
        match stands.status:
            case "skipped":
                reason = stands.result.get("reason") if isinstance(stands.result, Mapping) else None
                self._say("step_skipped", reason=reason)
            case "failed" | "continued":
                self._say("step_failed", duration_s=duration_s, error=error_in(stands.result))
            case "degraded":
                self._say("step_succeeded", duration_s=duration_s, degraded=True, **large)
            case _:
                self._say("step_succeeded", duration_s=duration_s, **large)
        if stands.status == "failed":
            self._tell(StepGaveUp(ticket.key, error_in(stands.result)))
        else:
            self._tell(StepDone(ticket.key, stands.status, stands.result, ended))

    def _say(self, kind: Any, **data: Any) -> None:
        ticket = self._ticket
        self._bench.voice.say(self.kernel, ticket.run_id, kind, ticket.key, type=ticket.step.type, **data)

    def _tell(self, message: StepDone | StepOpened | StepGaveUp | StepBlocked | StepStopped) -> None:
        try:
            self._ticket.owner.tell(message)
        except ActorDeadError:
            return  # its next incarnation reads the journal, and starts again whatever has no result there


def is_result(made: JsonValue | Composite) -> TypeGuard[JsonValue]:
    """Whether an executor made a result, and not a step that consists of steps."""
    return not hasattr(made, "advance")
