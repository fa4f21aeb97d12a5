"""Runs whose approvals trust answers, because a person said from when on it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.approvals import (
    AnswerApproval,
    ApprovalDesk,
    ApprovalSettled,
    ApprovalState,
    ListApprovals,
    UnauditedError,
)
from actors.kernel import ChildSpec, ManualClock, RestartChild, TerminateChild
from actors.trust import (
    ClearTrust,
    ListTrust,
    NoteAnswer,
    SetTrust,
    TrustCaughtUp,
    TrustLedger,
    TrustNow,
    TrustRebuilt,
)
from pipelines.execution import ApprovalRules, Question, Reply
from pipelines.guardrails.trust import TrustGiven, pattern_of
from pipelines.language import load_pipeline
from tests.actors_for_tests import add, events_of, until
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

ASKS = """
name: release
steps:
  - {name: ask, type: approval, message: "Do it?"%s}
  - {name: after, type: test_echo, value: "{{ steps.ask.by }}"}
"""
NO_RULES = ApprovalRules()
NOTED: list[tuple[str, str]] = []


async def note(question: Question, given: TrustGiven) -> None:
    """An audit log."""
    NOTED.append((question.id, str(given)))


async def cannot_note(_question: Question, _given: TrustGiven) -> None:
    raise UnauditedError("the disk is full")


@asynccontextmanager
async def asking(state_dir: Path, rules: ApprovalRules = NO_RULES, audit: Any = note) -> AsyncGenerator[SmallNode]:
    NOTED.clear()
    node = await small_node(approval_rules=rules, clock=ManualClock())
    try:
        await add(node.top, ChildSpec("trust", TrustLedger, (state_dir,), {}, "trust"))
        desk = {"ledger": True, "audit": audit}
        await add(node.top, ChildSpec("approvals", ApprovalDesk, (rules,), desk, "approvals"))
        yield node
    finally:
        await node.kernel.shutdown()


async def waiting(node: SmallNode, run_id: str) -> ApprovalState:
    async with asyncio.timeout(10):
        while True:
            found: tuple[ApprovalState, ...] = await node.kernel.ref("approvals").call(ListApprovals(run_id))
            if found:
                return found[0]
            await asyncio.sleep(0)


async def say(node: SmallNode, run_id: str, *, approve: bool = True) -> None:
    await waiting(node, run_id)
    await node.kernel.ref("approvals").call(AnswerApproval(f"{run_id}/ask", Reply(approve=approve), "ann"))


async def learnt(node: SmallNode, text: str, approvals: int = 60, threshold: float | None = 0.95) -> None:
    """So many approvals of this definition's question, and a threshold."""
    made = load_pipeline(text)
    pattern = pattern_of((made.name,), (made.content_hash,), "ask")
    ledger = node.kernel.ref("trust")
    await asyncio.gather(*(ledger.call(NoteAnswer(pattern, True)) for _ in range(approvals)))
    if threshold is not None:
        await ledger.call(SetTrust("release/ask", threshold, "always the same", "ann"))


async def trust(node: SmallNode) -> TrustNow:
    known: TrustNow = await node.kernel.ref("trust").call(ListTrust())
    return known


def test_what_people_answer_is_learnt_by_pattern_and_no_score_answers_without_a_threshold(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            for number, approve in enumerate((True, False, True)):
                await node.submit(ASKS % "", f"r{number}")
                await say(node, f"r{number}", approve=approve)
                await node.outcome(f"r{number}")
            (line,) = (await trust(node)).patterns
            assert (line.target, line.approvals, line.rejections, line.streak) == ("release/ask", 2, 1, 1)
            await learnt(node, ASKS % "", 500, threshold=None)
            await node.submit(ASKS % "", "r9")
            await waiting(node, "r9")
            assert NOTED == []

    run(main())


def test_from_the_threshold_on_it_is_answered_and_recorded_as_by_trust(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            settled = events_of(node.kernel, ApprovalSettled)
            await learnt(node, ASKS % "")
            await node.submit(ASKS % "", "r1")
            outcome = await node.outcome("r1")
            result: Any = outcome.results["ask"]
            assert outcome.results["after"] == "trust (score 0.95 of 60)"
            assert (result["approved"], result["automatic"]) == (True, True)
            assert result["comment"] == "ann set the threshold 0.95 for release/ask"
            assert NOTED == [("r1/ask", "trust (score 0.95 of 60)")]
            assert [(each.outcome, each.question_id) for each in settled] == [("auto_approved", "r1/ask")]
            kept: Any = (await node.record("r1")).steps["ask/@answer"].result
            assert (kept["by"], kept["automatic"]) == ("trust (score 0.95 of 60)", True)
            assert (await trust(node)).patterns[0].approvals == 60  # trust teaches nothing

    run(main())


def test_one_rejection_ends_it_until_as_many_approvals_have_followed(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            await learnt(node, ASKS % "", 600, threshold=None)
            await node.submit(ASKS % "", "r1")
            await say(node, "r1", approve=False)
            await node.outcome("r1")
            await learnt(node, ASKS % "", 51)
            await node.submit(ASKS % "", "r2")
            await say(node, "r2")  # the 52nd
            await node.outcome("r2")
            await node.submit(ASKS % "", "r3")
            assert "trust" in str((await node.outcome("r3")).results["after"])

    run(main())


@pytest.mark.parametrize(
    ("more", "rules"),
    [
        (", always_ask: true", ApprovalRules()),
        (", approvals_needed: 2", ApprovalRules()),
        (", not_by_submitter: true", ApprovalRules()),
        (", choices: [now, later]", ApprovalRules()),
        (", fields: {n: integer}", ApprovalRules()),
        ("", ApprovalRules(automatic=False)),
        ("", ApprovalRules(persons=2)),
    ],
)
def test_what_trust_may_not_answer_waits_for_a_person(more: str, rules: ApprovalRules, tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path, rules) as node:
            await learnt(node, ASKS % more, 600)
            await node.submit(ASKS % more, "r1")
            await waiting(node, "r1")
            for _ in range(50):
                await asyncio.sleep(0)
            assert (await waiting(node, "r1")).status == "pending"
            assert NOTED == []

    run(main())


def test_another_content_under_the_same_name_is_asked_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            await learnt(node, ASKS % "", 600)
            await node.submit((ASKS % "").replace("steps.ask.by", "steps.ask.choice"), "r1")
            await waiting(node, "r1")
            assert NOTED == []

    run(main())


def test_what_cannot_be_audited_is_not_approved(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path, audit=cannot_note) as node:
            await learnt(node, ASKS % "")
            await node.submit(ASKS % "", "r1")
            await say(node, "r1")
            assert (await node.outcome("r1")).results["after"] == "ann"

    run(main())


def test_who_says_no_while_trusts_answer_is_being_noted_is_heard(tmp_path: Path) -> None:
    noting, go_on = asyncio.Event(), asyncio.Event()

    async def note_slowly(_question: Question, _given: TrustGiven) -> None:
        noting.set()
        await go_on.wait()

    async def main() -> None:
        async with asking(tmp_path, audit=note_slowly) as node:
            await learnt(node, ASKS % "")
            await node.submit(ASKS % "", "r1")
            await noting.wait()
            await node.submit(ASKS % "", "r2")
            await say(node, "r2", approve=False)
            go_on.set()
            for _ in range(50):
                await asyncio.sleep(0)
            assert (await waiting(node, "r1")).status == "pending"

    run(main())


def test_without_a_ledger_people_are_asked_and_what_they_say_meanwhile_is_learnt_later(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            await learnt(node, ASKS % "")
            clock = node.kernel.clock
            assert isinstance(clock, ManualClock)
            await node.top.call(TerminateChild("trust"))
            await node.submit(ASKS % "", "r1")
            await say(node, "r1", approve=False)
            assert (await node.outcome("r1")).status == "failed"
            for _ in range(100):  # it is away for long
                clock.advance(0.1)
                await asyncio.sleep(0)
            await node.top.call(RestartChild("trust"))
            async with asyncio.timeout(5):
                while (await trust(node)).patterns[0].rejections != 1:
                    clock.advance(0.1)
                    await asyncio.sleep(0)
            await node.submit(ASKS % "", "r2")
            await waiting(node, "r2")
            assert NOTED == []

    run(main())


def test_a_rejection_that_could_not_be_written_down_is_found_in_the_journal_by_the_next_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            caught_up, clock = events_of(node.kernel, TrustCaughtUp), node.kernel.clock
            assert isinstance(clock, ManualClock)
            await learnt(node, ASKS % "")
            await node.submit(ASKS % "", "r1")
            assert "trust" in str((await node.outcome("r1")).results["after"])
            clock.advance(1.0)
            await node.submit(ASKS % ", always_ask: true", "other")
            await say(node, "other", approve=False)  # of another pattern: it says nothing about this one
            await node.top.call(TerminateChild("trust"))  # so that a person is asked
            await node.submit(ASKS % "", "r2")
            await waiting(node, "r2")
            await node.top.call(RestartChild("trust"))
            with monkeypatch.context() as full:
                full.setattr("actors.trust.files.TrustFile.save", _full)
                await say(node, "r2", approve=False)
                assert (await node.outcome("r2")).status == "failed"
                former = node.kernel.registry.whereis("trust")
                assert former is not None
                former.kill()  # nothing is written at the end
                await until(lambda: node.kernel.registry.whereis("trust") not in (None, former))
            assert (tmp_path / "trust.json").read_bytes().count(b'"rejections": 1') == 1  # of the other pattern
            clock.advance(1.0)
            await node.submit(ASKS % "", "r3")
            await waiting(node, "r3")
            await until(lambda: len(caught_up) == 1)
            for _ in range(2):
                counted = {(each.approvals, each.rejections, each.streak) for each in (await trust(node)).patterns}
                assert counted == {(60, 1, 0), (0, 1, 0)}
                await node.top.call(TerminateChild("trust"))
                await node.top.call(RestartChild("trust"))
            assert len(caught_up) == 1
            assert (await waiting(node, "r3")).status == "pending"

    run(main())


def _full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_history_that_was_cleared_does_not_come_back_from_the_journal(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            clock = node.kernel.clock
            assert isinstance(clock, ManualClock)
            await node.submit(ASKS % "", "r1")
            await say(node, "r1", approve=False)
            await node.outcome("r1")
            clock.advance(1.0)
            assert await node.kernel.ref("trust").call(ClearTrust("release/ask", history=True)) == (0, 1)
            assert (await trust(node)).patterns == ()
            clock.advance(1.0)
            await learnt(node, ASKS % "")
            await node.submit(ASKS % "", "r2")
            assert "trust" in str((await node.outcome("r2")).results["after"])

    run(main())


def test_what_people_answered_is_read_back_from_the_journal_when_the_ledgers_file_is_damaged(tmp_path: Path) -> None:
    async def main() -> None:
        async with asking(tmp_path) as node:
            rebuilt = events_of(node.kernel, TrustRebuilt)
            clock = node.kernel.clock
            assert isinstance(clock, ManualClock)
            for number, approve in enumerate((True, False, True, True)):
                clock.advance(1.0)
                await node.submit(ASKS % "", f"r{number}")
                await say(node, f"r{number}", approve=approve)
                await node.outcome(f"r{number}")
            before = (await trust(node)).patterns
            await node.top.call(TerminateChild("trust"))
            (tmp_path / "trust.json").write_bytes(b"{")
            clock.advance(1.0)
            await node.top.call(RestartChild("trust"))
            await until(lambda: len(rebuilt) == 1)
            (line,) = (await trust(node)).patterns
            assert line == replace(before[0], last_at=line.last_at)
            assert (line.approvals, line.rejections, line.streak) == (3, 1, 2)

    run(main())
