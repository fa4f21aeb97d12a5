"""What switches cut off as they come into force: whom they concern, calls first, each once, and nothing for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.kernel import Kernel
from actors.killswitch import UNWIND_S, AtWork, KillView, Work
from pipelines.guardrails import NOBODY, StepMark, Subject, Switch
from pipelines.guardrails.kill_switch import Key, Level, blocked, covers, key_of
from tests.actors_for_tests import Echo
from tests.support import run

NAMES = st.sampled_from(["a", "b", "a/b", "b/a"])
PLAIN = st.sampled_from(["a", "b"])
MARKS = st.builds(StepMark, PLAIN, PLAIN, PLAIN)
SUBJECTS = st.builds(Subject, st.sampled_from(["", "a", "b"]), st.booleans(), st.lists(MARKS, max_size=2).map(tuple))


def keys() -> st.SearchStrategy[Key]:
    named = st.sampled_from([Level.TENANT, Level.PIPELINE, Level.PROVIDER])
    return st.one_of(
        st.sampled_from([key_of("node", ""), key_of("evolution", "")]),
        st.builds(key_of, named, PLAIN),
        st.builds(key_of, st.just("step"), NAMES),
    )


def switch(level: str, name: str = "") -> Switch:
    return Switch(*key_of(level, name), "stop", "ada", 0.0)


@given(keys(), st.lists(PLAIN, min_size=1, max_size=3), st.none() | PLAIN, SUBJECTS)
def test_a_switch_cuts_off_what_it_would_not_let_begin_and_nothing_else(
    key: Key, pipelines: list[str], provider: str | None, subject: Subject
) -> None:
    triggered = {key: Switch(*key, "", "", 0.0)}
    forbidden = any(blocked(triggered, name, provider, subject) for name in pipelines)
    assert covers(key, pipelines, provider, subject) == forbidden


class Desk:
    """Works of one worker, and what became of them."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.progress = 0
        self.at_work = AtWork(self._step)
        self.ended: list[str] = []

    def _step(self) -> None:
        self.progress += 1

    def work(self, name: str, provider: str | None = None, subject: Subject = NOBODY) -> Work:
        work = Work(self.worker, (name,), provider, subject, lambda by: self.ended.append(f"{name} by {by.level}"))
        self.at_work.enter(work)
        return work

    def call(self, work: Work, provider: str) -> asyncio.Task[None]:
        async def wait() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.append(f"call of {provider}")

        call = asyncio.create_task(wait())
        assert work.begin_call(call, provider)
        call.add_done_callback(work.end_call)
        return call


def test_calls_are_cancelled_before_any_work_ends_and_none_begins_afterwards() -> None:
    async def main() -> None:
        desk = Desk(None)
        works = [desk.work(name) for name in ("p", "q", "p")]
        calls = [desk.call(work, "claude") for work in works]
        await asyncio.sleep(0)
        order: list[bool] = []

        def look(_: Switch) -> None:
            order.append(all(calls[at].cancelling() for at in (0, 2)))

        for work in works:
            work.cut = look
        assert desk.at_work.cut([switch("pipeline", "p")]) == 2
        assert order == [True, True]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert desk.ended == ["call of claude"] * 2
        assert desk.progress == 2
        assert [work.begin_call(calls[0], "claude") for work in works] == [False, True, False]
        calls[1].cancel()

    run(main())


def test_a_providers_switch_reaches_a_call_of_it_in_work_that_asks_another_one_by_rights() -> None:
    async def main() -> None:
        desk = Desk(None)
        work = desk.work("p", "claude")
        call = desk.call(work, "gemini")
        await asyncio.sleep(0)
        assert desk.at_work.cut([switch("provider", "gemini")]) == 1
        await asyncio.gather(call, return_exceptions=True)
        assert desk.ended == ["p by provider", "call of gemini"]

    run(main())


def test_work_is_cut_off_once_and_what_has_left_not_at_all() -> None:
    desk = Desk(None)
    first, second = desk.work("p"), desk.work("q")
    desk.at_work.leave(second)
    assert desk.at_work.cut([switch("node"), switch("pipeline", "p")]) == 1
    assert desk.at_work.cut([switch("tenant", "x"), switch("node")]) == 0
    assert desk.ended == ["p by node"]
    assert len(desk.at_work) == 1
    desk.at_work.leave(first)
    desk.at_work.leave(first)
    assert (len(desk.at_work), desk.progress) == (0, 1)


def test_the_view_cuts_off_with_the_change_and_only_by_what_is_new() -> None:
    view, told = KillView(), list[int]()
    view.witnessed_by(lambda triggered: told.append(len(triggered)))
    replace, _ = view.writer()
    cut: list[str] = []
    node, step = switch("node"), switch("step", "wait")

    def enter() -> Work:
        work = Work(None, ("p",), None, NOBODY, lambda by: cut.append(str(by.level)))  # type: ignore[arg-type]
        view.at_work.enter(work)
        return work

    first = enter()
    replace({step.key: step})
    assert cut == []
    replace({step.key: step, node.key: node})
    assert cut == ["node"]
    view.at_work.leave(first)
    assert told == [1, 2, 2]  # the last: what was cut off has ended
    enter()
    replace({node.key: node})
    assert cut == ["node"]


def test_a_worker_that_does_not_end_is_killed() -> None:
    async def main() -> None:
        kernel = Kernel()
        worker = await kernel.spawn(Echo)
        desk = Desk(worker)
        desk.work("p")
        assert desk.at_work.kill_overdue(0.0) == 0
        desk.at_work.cut([switch("node")])
        looks = [desk.at_work.kill_overdue(at) for at in (10.0, 10.0 + UNWIND_S - 0.1, 10.0 + UNWIND_S, 100.0)]
        assert looks == [0, 0, 1, 0]
        assert not worker.is_alive()
        await kernel.shutdown()

    run(main())
