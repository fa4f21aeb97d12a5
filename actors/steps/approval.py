"""`approval`: a question to a person, kept in the journal with its answer, so that both outlive the node."""

from __future__ import annotations

import json

from pydantic import JsonValue

from actors.approvals import ApprovalSettled, AskPerson, TooManyApprovalsError
from actors.journal import JournalError
from actors.kernel import ActorDeadError, CallTimeout, MailboxFull
from actors.steps.context import StepContext
from actors.steps.errors import ApprovalExpiredError, ApprovalTooLargeError, RejectedError
from pipelines.execution import (
    ANSWERED,
    ASKED,
    Decision,
    Question,
    approval_result,
    assents_of,
    decision_of,
    expired,
    id_of,
    iso,
    kept,
    needed,
    question_of,
)
from pipelines.extraction import normalise_schema
from pipelines.guardrails.trust import pattern_of
from pipelines.language import ApprovalStep, render, render_text

LONGEST_MESSAGE = 20_000
LARGEST_PREVIEW = 64 * 1024
_LONGEST_CALL_S = 367 * 86_400.0
_FIRST_WAIT_S = 0.05
_LONGEST_WAIT_S = 5.0


async def ask_person(context: StepContext) -> JsonValue:
    """What the person said. No provider and no thread is used meanwhile.

    Raises `RejectedError` for a rejection (unless `on_reject: continue`), `ApprovalExpiredError` for one that expired
    with `on_expiry: fail`, `ApprovalTooLargeError` and `TemplateError` for what cannot be asked.
    """
    step: ApprovalStep = context.step
    question = question_of((await context.recall()).get(ASKED)) or await _ask(context, step)
    decision = await _wait(context, question)
    if not decision.approved and step.on_reject == "fail":
        raise RejectedError(_words(decision))
    return approval_result(question, decision)


async def _ask(context: StepContext, step: ApprovalStep) -> Question:
    """The question as it stands in the journal: what a person was shown does not change by a restart."""
    message = render_text(step.message, context.scope)
    preview = render(step.preview, context.scope)
    if len(message) > LONGEST_MESSAGE:
        raise ApprovalTooLargeError(f"the `message` has {len(message)} characters, at most {LONGEST_MESSAGE} are shown")
    size = len(json.dumps(preview, ensure_ascii=False))
    if size > LARGEST_PREVIEW:
        raise ApprovalTooLargeError(
            f"the `preview` has {size} characters as JSON, at most {LARGEST_PREVIEW} are shown; show an extract, or "
            "write it to a file and name that"
        )
    now = context.kernel.clock.wall()
    question = Question(
        id=id_of(context.run_id, context.key),
        run_id=context.run_id,
        pipeline=context.ancestry.names[0],
        step=context.key,
        message=message,
        preview=preview,
        choices=step.choices,
        fields=None if step.fields is None else normalise_schema(step.fields),
        asked_at=now,
        expires_at=None if step.expires_in_s is None else now + step.expires_in_s,
        on_expiry=step.on_expiry,
        approvals_needed=step.approvals_needed,
        not_by_submitter=step.not_by_submitter,
        submitters=context.submitters,
        always_ask=step.always_ask,
        pattern=pattern_of(context.ancestry.names, context.ancestry.hashes, context.key),
    )
    return question_of(await context.record(ASKED, kept(question))) or question


async def _wait(context: StepContext, question: Question) -> Decision:
    """The decision that stands in the journal, however often the desk is away or the journal cannot be read."""
    clock, wait_s, told = context.kernel.clock, _FIRST_WAIT_S, False
    while True:
        try:
            parts = await context.recall()
            decision = decision_of(parts.get(ANSWERED))
            if decision is not None:
                return decision
            if question.expires_at is not None and question.expires_at <= clock.wall():
                return await _expire(context, question)
            if not told:
                told = True
                _say(context, question)
            asked = AskPerson(question, assents_of(parts))
            decision = await context.kernel.ref("approvals").call(asked, timeout_s=_LONGEST_CALL_S)
            if decision is not None:
                return decision
            wait_s = _FIRST_WAIT_S  # it was there: look into the journal at once
        except (ActorDeadError, CallTimeout, MailboxFull, TooManyApprovalsError, JournalError):
            await clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


async def _expire(context: StepContext, question: Question) -> Decision:
    """Recorded like an answer, so that of an answer and the end of its time one stands. The end of its time never
    stands for several persons."""
    now = context.kernel.clock.wall()
    decision = expired(question, now, several=needed(question, context.approval_rules) > 1)
    if decision is None:
        _say_expired(context, question, now, "fail")
        raise ApprovalExpiredError(f"nobody answered before {iso(question.expires_at or 0.0)}")
    stands = decision_of(await context.record(ANSWERED, kept(decision))) or decision
    if stands == decision:
        _say_expired(context, question, now, decision.choice)
    return stands


def _say_expired(context: StepContext, question: Question, now: float, counts_as: str) -> None:
    waited = max(0.0, now - question.asked_at)
    context.kernel.events.publish(ApprovalSettled("expired", waited, question.id, question.pipeline, counts_as))


def _say(context: StepContext, question: Question) -> None:
    context.say(
        "step_waiting",
        waiting_for="a person",
        approval=question.id,
        message=question.message[:500],
        choices=list[JsonValue](question.choices),
        expires_at=question.expires_at,
        answer_with=f"evopipe approve {question.id}",
    )


def _words(decision: Decision) -> str:
    if decision.by is None:
        return f"nobody answered in time, which counts as {decision.choice!r}"
    return f"{decision.by} answered {decision.choice!r}" + (f": {decision.comment}" if decision.comment else "")
