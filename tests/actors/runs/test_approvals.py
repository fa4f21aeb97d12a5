"""`approval` steps in runs: asked, answered once, over crashes, kill switches and expiry."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.approvals import (
    AnswerApproval,
    AnsweredError,
    ApprovalDesk,
    ApprovalSettled,
    ApprovalsPending,
    ApprovalState,
    AskPerson,
    GetApproval,
    ListApprovals,
    NoSuchApprovalError,
    NotWaitingError,
    TooManyApprovalsError,
    UnfitAnswerError,
)
from actors.journal import JournalUnavailableError, MemoryStore, RecordStep
from actors.kernel import Actor, ActorDeadError, ChildSpec, ManualClock
from actors.killswitch import ArmSwitch, KillBoard, KillView, TriggerSwitch
from actors.recovery import Recovered
from actors.runs import CancelRun, step_name
from pipelines.execution import Question, Reply
from tests.actors_for_tests import add, events_of, settle, until
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

ASKS = """
name: p
inputs: {what: {type: string, default: it}}
steps:
  - {name: ask, type: approval, message: "Do {{ inputs.what }}?", preview: [1, "{{ inputs.what }}"]%s}
  - {name: after, type: test_echo, value: "{{ steps.ask.choice }}"}
"""
DESK = ChildSpec(id="approvals", actor_class=ApprovalDesk, name="approvals")


@asynccontextmanager
async def asking(**more: Any) -> AsyncGenerator[SmallNode]:
    """A node with a desk."""
    node = await small_node(**more)
    try:
        await add(node.top, DESK)
        yield node
    finally:
        await node.kernel.shutdown()


class ReadyFallback(Actor):
    """Has an answer to everything."""

    def __init__(self, asked: list[Any]) -> None:
        super().__init__()
        self._asked = asked

    def on_receive(self, message: Any) -> Any:
        self._asked.append(message)
        return Recovered({"approved": True}, "simplify", ())


async def with_fallback(node: SmallNode) -> list[Any]:
    """Gives the node a fallback that would put something in a person's place; what it is asked."""
    asked: list[Any] = []
    await node.kernel.spawn(ReadyFallback, asked, name="fallback")
    return asked


async def pending(node: SmallNode, count: int = 1, run_id: str | None = None) -> tuple[Question, ...]:
    """The questions that wait, as soon as there are so many."""
    for _ in range(10_000):
        with contextlib.suppress(ActorDeadError):
            found = await node.kernel.ref("approvals").call(ListApprovals(run_id, 100_000))
            if len(found) == count:
                return tuple(each.question for each in found)
        await asyncio.sleep(0)
    raise AssertionError(f"there are not {count} questions")


async def ended(node: SmallNode, run_id: str = "r1") -> Any:
    """How the run ended, untyped: its results are JSON."""
    return await node.outcome(run_id, 20)


async def say(
    node: SmallNode,
    question_id: str = "r1/ask",
    *,
    by: str = "ada",
    approve: bool = True,
    comment: str = "",
    data: Any = None,
) -> ApprovalState:
    """Answers a question."""
    message = AnswerApproval(question_id, Reply(None, approve, comment, data), by)
    state: ApprovalState = await node.kernel.ref("approvals").call(message)
    return state


def test_a_run_waits_until_a_person_answers_and_the_result_says_who_and_when() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(clock=clock) as node:
            settled, counts = events_of(node.kernel, ApprovalSettled), events_of(node.kernel, ApprovalsPending)
            await node.submit(ASKS % "")
            (asked,) = await pending(node)
            assert (asked.id, asked.message, asked.preview, asked.pipeline) == ("r1/ask", "Do it?", [1, "it"], "p")
            clock.advance(90.0)
            state = await say(node, comment="fine")
            assert (state.status, state.decision is not None and state.decision.by) == ("answered", "ada")
            outcome = await ended(node)
            result: Any = outcome.results["ask"]
            assert outcome.results["after"] == "approve"
            assert {key: result[key] for key in ("approved", "choice", "by", "comment", "data", "waited_s")} == {
                "approved": True,
                "choice": "approve",
                "by": "ada",
                "comment": "fine",
                "data": None,
                "waited_s": 90.0,
            }
            assert node.kinds("ask") == ["step_started", "step_waiting", "step_succeeded"]
            (told,) = [event.data for event in node.events if event.kind == "step_waiting"]
            assert (told["answer_with"], told["message"]) == ("evopipe approve r1/ask", "Do it?")
            assert [(each.outcome, each.waited_s) for each in settled] == [("approved", 90.0)]
            assert [each.count for each in counts] == [1, 0]

    run(main())


def test_the_first_answer_counts_and_a_second_one_is_told_who_answered_and_when() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(ASKS % "")
            await pending(node)
            several = await asyncio.gather(
                *(say(node, by=name, approve=name == "ada") for name in ("ada", "bob", "eve")), return_exceptions=True
            )
            assert isinstance(several[0], ApprovalState)
            for late in (*several[1:], *(await asyncio.gather(say(node, by="zoe"), return_exceptions=True))):
                assert isinstance(late, AnsweredError)
                assert "was answered with 'approve' by ada at 20" in str(late)
            assert (await ended(node)).results["ask"]["by"] == "ada"
            known = await node.kernel.ref("approvals").call(GetApproval("r1/ask"))
            assert (known.status, known.decision.by) == ("answered", "ada")

    run(main())


@pytest.mark.parametrize(
    ("more", "status", "after"),
    [
        ("", "failed", None),
        (", on_reject: continue", "succeeded", "reject"),
        (", on_error: continue", "succeeded", None),
    ],
)
def test_a_rejection_fails_the_step_or_is_its_result(more: str, status: str, after: str | None) -> None:
    async def main() -> None:
        text = (ASKS % more).replace('value: "{{ steps.ask.choice }}"', 'value: "{{ steps.ask | tojson }}"')
        async with asking() as node:
            await node.submit(text)
            await pending(node)
            fallbacks = await with_fallback(node)
            await say(node, approve=False, comment="too early")
            outcome = await ended(node)
            assert fallbacks == []
            assert outcome.status == status
            if status == "failed":
                assert outcome.error["code"] == "rejected"
                assert "ada answered 'reject': too early" in outcome.error["message"]
            else:
                assert str(after or "rejected") in str(outcome.results["after"])

    run(main())


def test_nothing_takes_the_place_of_a_refusal_not_even_for_the_steps_around_it() -> None:
    async def main() -> None:
        text = """
name: p
steps:
  - name: around
    type: pipeline
    on_error: fallback
    pipeline: {name: inner, steps: [{name: ask, type: approval, on_error: fallback, message: Go?}]}
"""
        async with asking() as node:
            await node.submit(text)
            fallbacks = await with_fallback(node)
            (asked,) = await pending(node)
            assert asked.id == "r1/around/ask"
            await say(node, asked.id, approve=False)
            outcome = await ended(node)
            assert (outcome.error["code"], fallbacks) == ("rejected", [])

    run(main())


def test_an_answer_that_does_not_fit_leaves_the_question_waiting() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(ASKS % ", fields: {count: integer}")
            await pending(node)
            with pytest.raises(UnfitAnswerError, match="Expected integer"):
                await say(node, data={"count": "many"})
            with pytest.raises(NoSuchApprovalError):
                await say(node, "r1/nothing")
            with pytest.raises(NoSuchApprovalError):
                await say(node, "nonsense")
            await say(node, data={"count": 3})
            assert (await ended(node)).results["ask"]["data"] == {"count": 3}

    run(main())


@pytest.mark.parametrize(
    ("meaning", "expected"), [("reject", "rejected"), ("approve", None), ("fail", "approval_expired")]
)
def test_expiry_counts_as_the_step_says(meaning: str, expected: str | None) -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(clock=clock) as node:
            settled = events_of(node.kernel, ApprovalSettled)
            await node.submit(ASKS % f", expires_in_s: 100, on_expiry: {meaning}")
            await pending(node)
            clock.advance(99.0)
            await pending(node)
            clock.advance(1.5)
            outcome = await ended(node)
            assert (outcome.error and outcome.error["code"]) == expected
            if expected is None:
                assert (outcome.results["ask"]["approved"], outcome.results["ask"]["expired"]) == (True, True)
            assert [each.outcome for each in settled] == ["expired"]
            with pytest.raises((AnsweredError, NotWaitingError)):
                await say(node)

    run(main())


def test_a_question_outlives_its_node_with_id_time_and_text_and_expires_while_that_is_down() -> None:
    async def main() -> None:
        store, clock = MemoryStore(), ManualClock()
        async with asking(store=store, clock=clock) as node:
            await node.submit(ASKS % ", expires_in_s: 100")
            (before,) = await pending(node)
            node.kernel.ref("runs").kill()  # nobody says goodbye to the journal
        again = ManualClock(wall_s=clock.wall() + 50)
        async with asking(store=store, clock=again) as node:
            assert (await pending(node))[0] == before
        late = ManualClock(wall_s=clock.wall() + 5_000)
        async with asking(store=store, clock=late) as node:
            outcome = await ended(node)
            assert outcome.error["code"] == "rejected"

    run(main())


def test_an_answer_is_in_the_journal_before_the_person_hears_of_it() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with asking(store=store) as node:
            await node.submit(ASKS % "")
            await pending(node)
            await say(node)
            stands = (await node.record()).steps["ask/@answer"].result
            assert (stands["by"], stands["approved"]) == ("ada", True)

    run(main())


def test_killed_desks_and_steps_lose_no_question_and_ask_none_twice() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(clock=clock) as node:
            await node.submit(ASKS % "")
            (before,) = await pending(node)
            for name in ("approvals", step_name("r1", "ask")) * 3:
                node.kernel.ref(name).kill()
                await settle(100)
                clock.advance(6.0)
                assert await pending(node) == (before,)
            await say(node)
            assert (await ended(node)).status == "succeeded"

    run(main())


def test_an_answer_whose_confirmation_is_lost_is_found_in_the_journal() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with asking(store=store) as node:
            await node.submit(ASKS % "")
            await pending(node)
            # Recorded behind the desk's back, as by a desk that died between the record and the word of it.
            kept = {"choice": "approve", "approved": True, "by": "eve", "comment": "", "data": None, "at": 5.0}
            await node.kernel.ref("journal").call(
                RecordStep("r1", "ask/@answer", 1, "kept", {**kept, "expired": False})
            )
            with pytest.raises(AnsweredError, match="by eve"):
                await say(node, approve=False)
            assert (await ended(node)).results["ask"]["by"] == "eve"

    run(main())


def test_a_journal_that_cannot_write_leaves_the_question_unanswered() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(clock=clock) as node:
            await node.submit(ASKS % "")
            await pending(node)
            node.store.write = _refuses  # type: ignore[method-assign]
            with pytest.raises(JournalUnavailableError, match="no room"):
                await say(node)
            del node.store.write
            await pending(node)
            assert (await say(node)).status == "answered"
            assert (await ended(node)).status == "succeeded"

    run(main())


def _refuses(*_: Any) -> Any:
    raise JournalUnavailableError("no room", fix="make room")


@pytest.mark.parametrize("level", ["node", "pipeline"])
def test_a_kill_switch_withdraws_the_question_and_arming_brings_it_back(tmp_path: Path, level: str) -> None:
    async def main() -> None:
        view = KillView()
        async with asking(view=view) as node:
            board = await node.kernel.spawn(KillBoard, tmp_path, view, name="kill_board")
            await node.submit(ASKS % "")
            (before,) = await pending(node)
            name = "p" if level == "pipeline" else ""
            await board.call(TriggerSwitch(level, name, "a test", "ada"))
            await pending(node, 0)
            with pytest.raises(NotWaitingError, match="paused by a kill switch"):
                await say(node)
            await board.call(ArmSwitch(level, name, "checked", "ada"))
            assert await pending(node) == (before,)
            await say(node)
            assert (await ended(node)).status == "succeeded"

    run(main())


def test_cancelling_the_run_withdraws_its_question_for_good() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(ASKS % "")
            await pending(node)
            await node.kernel.ref("runs").call(CancelRun("r1"))
            await ended(node)
            await pending(node, 0)
            with pytest.raises(NotWaitingError, match="its run has cancelled"):
                await say(node)

    run(main())


def test_a_step_timeout_interrupts_the_wait_and_withdraws_the_question() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(clock=clock) as node:
            await node.submit(ASKS % ", timeout_s: 30, on_error: fallback")
            fallbacks = await with_fallback(node)
            await pending(node)
            clock.advance(31.0)
            outcome = await ended(node)
            assert (outcome.error["code"], outcome.error["attempts"], fallbacks) == ("timeout", 1, [])
            await pending(node, 0)

    run(main())


def test_questions_of_a_parallel_loop_have_ids_of_their_own() -> None:
    async def main() -> None:
        text = """
name: p
steps:
  - name: each
    type: for_loop
    parallel: true
    data_source: "{{ inputs.names }}"
    steps: [{name: ask, type: approval, message: "Keep {{ loop.item }}?", on_reject: continue}]
  - {name: after, type: test_echo, value: "{{ steps.each.iterations | map(attribute='results.ask.approved') | list }}"}
"""
        async with asking() as node:
            await node.submit(text, inputs={"names": ["a", "b", "c"]})
            found = await pending(node, 3)
            assert {each.id: each.message for each in found} == {
                "r1/each.0/ask": "Keep a?",
                "r1/each.1/ask": "Keep b?",
                "r1/each.2/ask": "Keep c?",
            }
            for each in found:
                await say(node, each.id, approve=each.id != "r1/each.1/ask")
            assert (await ended(node)).results["after"] == [True, False, True]

    run(main())


def test_2000_runs_wait_at_once_are_listed_answered_and_end() -> None:
    async def main() -> None:
        async with asking() as node:
            await asyncio.gather(*(node.submit(ASKS % "", f"r{n}") for n in range(2_000)))
            assert len(await pending(node, 2_000)) == 2_000
            assert len(await node.kernel.ref("approvals").call(ListApprovals(None, 10))) == 10
            assert len(await node.kernel.ref("approvals").call(ListApprovals("r7"))) == 1
            await asyncio.gather(*(say(node, f"r{n}/ask") for n in range(2_000)))
            outcomes = await asyncio.gather(*(ended(node, f"r{n}") for n in range(2_000)))
            assert {each.status for each in outcomes} == {"succeeded"}

    run(main(), timeout_s=60)


def test_a_full_desk_refuses_and_the_step_asks_again_until_there_is_room() -> None:
    async def main() -> None:
        clock = ManualClock()
        node = await small_node(clock=clock)
        await add(node.top, ChildSpec("approvals", ApprovalDesk, (), {"most_pending": 1}, "approvals"))
        await node.submit(ASKS % "", "r1")
        await pending(node)
        await node.submit(ASKS % "", "r2")
        await until(lambda: "step_waiting" in [event.kind for event in node.events if event.run_id == "r2"])
        with pytest.raises(TooManyApprovalsError):
            (asked,) = await pending(node)
            await node.kernel.ref("approvals").call(AskPerson(_other(asked)))
        await say(node, "r1/ask")
        await ended(node)
        clock.advance(6.0)
        assert (await pending(node))[0].run_id == "r2"
        await node.kernel.shutdown()

    run(main())


def _other(asked: Question) -> Question:
    return Question("x/y", "x", "p", "y", asked.message, None, asked.choices, None, asked.asked_at)


@pytest.mark.parametrize(
    ("size", "shown", "told"),
    [(30_000, "1", "30004 characters, at most 20000"), (15_000, "{{ inputs.what * 5 }}", "write it to a file")],
)
def test_more_than_a_person_can_be_shown_is_refused(size: int, shown: str, told: str) -> None:
    async def main() -> None:
        async with asking() as node:
            text = (ASKS % "").replace('[1, "{{ inputs.what }}"]', f'"{shown}"')
            await node.submit(text, inputs={"what": "x" * size})
            outcome = await ended(node)
            assert (outcome.error["code"], told in outcome.error["message"]) == ("approval_too_large", True)

    run(main())


def test_the_events_of_a_question_hold_what_the_pipeline_says_and_not_the_preview() -> None:
    async def main() -> None:
        async with asking() as node:
            text = ASKS.replace('preview: [1, "{{ inputs.what }}"]', 'preview: "canary-7f3"') % ""
            await node.submit(text)
            await pending(node)
            await say(node)
            await ended(node)
            assert "canary-7f3" not in str([event.data for event in node.events])
            assert "canary-7f3" not in str(node.kernel.ref("approvals").resolve().actor.describe())  # type: ignore[union-attr]

    run(main())
