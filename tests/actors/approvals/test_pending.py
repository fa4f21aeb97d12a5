"""The desk's bookkeeping, without an actor."""

from __future__ import annotations

import asyncio

from actors.approvals.pending import PendingQuestions, Verdict
from pipelines.execution import Decision, Question
from tests.support import run


def question(name: str, expires_at: float | None = None) -> Question:
    return Question(f"r/{name}", "r", "p", name, "?", None, ("approve", "reject"), None, 0.0, expires_at)


def verdict() -> Verdict:
    return asyncio.get_running_loop().create_future()


def test_a_question_is_withdrawn_with_its_last_caller_unless_its_answer_is_being_recorded() -> None:
    async def main() -> None:
        pending = PendingQuestions()
        first, second = verdict(), verdict()
        waiting = pending.enter(question("a"), first)
        assert pending.enter(question("a"), second) is waiting
        assert (pending.leave(waiting, first), len(pending)) == (False, 1)
        waiting.recording = Decision("approve", True, "ada", "", None, 1.0)
        assert (pending.leave(waiting, second), len(pending)) == (False, 1)
        waiting.recording = None
        assert (pending.leave(waiting, second), len(pending)) == (True, 0)

    run(main())


def test_only_what_is_due_and_not_being_answered_is_taken_out() -> None:
    async def main() -> None:
        pending = PendingQuestions()
        kept = [pending.enter(question(name, at), verdict()) for name, at in (("a", 5.0), ("b", 9.0), ("c", None))]
        assert (pending.next_due, pending.due(4.9)) == (5.0, [])
        assert pending.due(5.0) == [kept[0]]
        kept[1].recording = Decision("approve", True, "ada", "", None, 8.0)
        assert pending.due(50.0) == []
        assert (len(pending), pending.next_due) == (2, None)

    run(main())


def test_the_last_decisions_are_known_for_a_while_and_no_longer() -> None:
    async def main() -> None:
        pending = PendingQuestions(keep_decided=2)
        for name in "abc":
            caller = verdict()
            waiting = pending.enter(question(name), caller)
            pending.remove(waiting, Decision("approve", True, name, "", None, 1.0))
        assert [pending.decided(f"r/{name}") is not None for name in "abc"] == [False, True, True]

    run(main())


def test_questions_that_come_and_go_do_not_fill_the_memory() -> None:
    async def main() -> None:
        pending = PendingQuestions()
        for _ in range(20_000):
            caller = verdict()
            pending.leave(pending.enter(question("a", 1e9), caller), caller)
        assert len(pending._due) < 2_000  # pyright: ignore[reportPrivateUsage] - there is no other place to see it

    run(main())
