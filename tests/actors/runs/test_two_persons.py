"""Runs whose approvals need two persons, or somebody else than who submitted them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from actors.approvals import (
    AnswerApproval,
    ApprovalDesk,
    ApprovalSettled,
    ApprovalState,
    GetApproval,
    ListApprovals,
    NotCountedError,
    UnfitAnswerError,
)
from actors.journal import JournalUnavailableError, MemoryStore, RecordStep
from actors.kernel import ChildSpec, ManualClock
from pipelines.execution import ApprovalRules, Reply
from tests.actors_for_tests import add, events_of
from tests.runs_for_tests import SmallNode, small_node
from tests.support import run

ASKS = """
name: p
steps:
  - {name: ask, type: approval, message: "Do it?"%s}
  - {name: after, type: test_echo, value: "{{ steps.ask.by }} {{ steps.ask.also_by }}"}
"""
NO_RULES = ApprovalRules()
TWO = ASKS % ", approvals_needed: 2"


@asynccontextmanager
async def asking(rules: ApprovalRules = NO_RULES, **more: Any) -> AsyncGenerator[SmallNode]:
    node = await small_node(approval_rules=rules, **more)
    try:
        await add(node.top, ChildSpec("approvals", ApprovalDesk, (rules,), {}, "approvals"))
        yield node
    finally:
        await node.kernel.shutdown()


async def waiting(node: SmallNode) -> ApprovalState:
    """The one question, as soon as it waits."""
    async with asyncio.timeout(10):
        while True:
            found: tuple[ApprovalState, ...] = await node.kernel.ref("approvals").call(ListApprovals())
            if found:
                return found[0]
            await asyncio.sleep(0)


async def say(node: SmallNode, by: str, *, approve: bool = True, person: str = "") -> ApprovalState:
    message = AnswerApproval("r1/ask", Reply(approve=approve), by, person)
    state: ApprovalState = await node.kernel.ref("approvals").call(message)
    return state


def test_the_run_goes_on_with_the_second_person_and_says_who_both_were() -> None:
    async def main() -> None:
        async with asking() as node:
            settled = events_of(node.kernel, ApprovalSettled)
            await node.submit(TWO)
            assert ((await waiting(node)).needed, (await waiting(node)).assents) == (2, ())
            first = await say(node, "ann")
            assert (first.status, first.decision, [each.by for each in first.assents]) == ("pending", None, ["ann"])
            assert [each.by for each in (await waiting(node)).assents] == ["ann"]
            assert settled == []
            with pytest.raises(NotCountedError, match="ann has said yes to it already") as again:
                await say(node, "ann of the night shift", person="ann")
            assert again.value.code == "said_before"
            assert (await say(node, "bob")).status == "answered"
            outcome = await node.outcome()
            assert outcome.results["after"] == 'bob ["ann"]'
            assert [each.outcome for each in settled] == ["approved"]
            late = await node.kernel.ref("approvals").call(GetApproval("r1/ask"))
            assert (late.status, late.needed, [each.by for each in late.assents]) == ("answered", 2, ["ann"])

    run(main())


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_any_no_ends_it_also_of_who_had_said_yes(who: str) -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(TWO)
            await waiting(node)
            await say(node, "ann")
            await say(node, who, approve=False)
            outcome = await node.outcome()
            assert outcome.error is not None
            assert (outcome.error["code"], who in str(outcome.error["message"])) == ("rejected", True)

    run(main())


def test_two_at_the_same_moment_are_two_and_one_person_twice_is_one() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(TWO)
            await waiting(node)
            same = await asyncio.gather(say(node, "ann"), say(node, "ann"), return_exceptions=True)
            assert [type(each) for each in same] == [ApprovalState, NotCountedError]
            await say(node, "bob")
            await node.outcome()
            await node.submit(TWO, "r2")
            await waiting(node)
            both = await asyncio.gather(
                *(
                    node.kernel.ref("approvals").call(AnswerApproval("r2/ask", Reply(approve=True), by))
                    for by in ("ann", "bob")
                )
            )
            assert [each.status for each in both] == ["pending", "answered"]

    run(main())


def test_the_first_yes_outlives_the_desk_and_the_node() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with asking(store=store) as node:
            await node.submit(TWO)
            await waiting(node)
            await say(node, "ann")
            node.kernel.ref("runs").kill()  # nobody says goodbye to the journal
        async with asking(store=store) as node:
            assert [each.by for each in (await waiting(node)).assents] == ["ann"]
            with pytest.raises(NotCountedError):
                await say(node, "ann")
            assert (await say(node, "bob")).status == "answered"
            assert (await node.outcome()).results["after"] == 'bob ["ann"]'

    run(main())


def test_a_yes_that_a_former_desk_recorded_unseen_takes_its_place_and_counts() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(TWO)
            await waiting(node)
            unseen: Any = {"person": "ann", "by": "ann", "choice": "approve", "comment": "", "data": None, "at": 5.0}
            await node.kernel.ref("journal").call(RecordStep("r1", "ask/@yes.1", 1, "kept", unseen))
            with pytest.raises(NotCountedError, match="ann has said yes to it already"):
                await say(node, "ann")
            assert (await say(node, "bob")).status == "answered"
            assert (await node.outcome()).results["after"] == 'bob ["ann"]'

    run(main())


def test_a_yes_that_cannot_be_recorded_does_not_count() -> None:
    async def main() -> None:
        async with asking(clock=ManualClock()) as node:
            await node.submit(TWO)
            await waiting(node)
            node.store.write = _refuses  # type: ignore[method-assign]
            with pytest.raises(JournalUnavailableError):
                await say(node, "ann")
            del node.store.write
            assert (await waiting(node)).assents == ()
            assert (await say(node, "ann")).status == "pending"

    run(main())


def _refuses(*_: Any) -> Any:
    raise JournalUnavailableError("no room", fix="make room")


def test_the_node_may_demand_two_persons_of_every_step_and_an_expiry_then_approves_nothing() -> None:
    async def main() -> None:
        clock = ManualClock()
        async with asking(ApprovalRules(persons=2), clock=clock) as node:
            await node.submit(ASKS % ", expires_in_s: 100, on_expiry: approve")
            await waiting(node)
            assert (await say(node, "ann")).status == "pending"
            clock.advance(101.0)
            outcome = await node.outcome()
            assert outcome.error is not None
            assert outcome.error["code"] == "rejected"

    run(main())


def test_who_submitted_the_run_cannot_approve_it_under_any_name() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(ASKS % ", not_by_submitter: true", submitters=("ann",))
            await waiting(node)
            with pytest.raises(NotCountedError, match="ann submitted this run") as refused:
                await say(node, "the boss (through ann)", person="ann")
            assert refused.value.code == "not_by_submitter"
            await say(node, "bob")
            assert (await node.outcome()).results["after"] == "bob []"

    run(main())


def test_the_submitter_is_known_after_a_restart() -> None:
    async def main() -> None:
        store = MemoryStore()
        text = (
            "name: p\nsteps:\n  - {name: gate, type: test_echo, value: 1}\n"
            + (ASKS % ", not_by_submitter: true, depends_on: [gate]").split("steps:\n")[1]
        )
        async with asking(store=store) as node:
            node.hands.gates["gate"] = asyncio.Event()
            await node.submit(text, submitters=("ann",))
            node.kernel.ref("runs").kill()
        async with asking(store=store) as node:
            assert (await waiting(node)).question.submitters == ("ann",)
            with pytest.raises(NotCountedError):
                await say(node, "ann")

    run(main())


def test_the_second_must_choose_what_the_first_chose() -> None:
    async def main() -> None:
        async with asking() as node:
            await node.submit(ASKS % ", approvals_needed: 2, choices: [now, later]")
            await waiting(node)
            desk = node.kernel.ref("approvals")
            await desk.call(AnswerApproval("r1/ask", Reply("later"), "ann"))
            with pytest.raises(UnfitAnswerError, match="ann has said yes with `choice` 'later'"):
                await desk.call(AnswerApproval("r1/ask", Reply("now"), "bob"))
            state: ApprovalState = await desk.call(AnswerApproval("r1/ask", Reply(approve=True), "bob"))
            assert state.decision is not None
            assert state.decision.choice == "later"

    run(main())
