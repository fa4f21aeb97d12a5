"""Crash reports: one for each abnormal end, made where it began, with what a person needs and nothing secret."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from actors.kernel import (
    Actor,
    ActorKilled,
    ActorRef,
    BlockingActor,
    ChildSpec,
    CrashReport,
    CrashReported,
    FateShared,
    Kernel,
    Killed,
    ManualClock,
    NoProcess,
    Normal,
    Shutdown,
    StartError,
)
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import Boom, Echo, Trapper, add, inside, post, settle, until
from tests.support import run

KINDS = (CrashReported, ActorKilled, FateShared)


def words_of(kernel: Kernel) -> list[Any]:
    """All that the crash desk says from now on."""
    found: list[Any] = []
    kernel.events.subscribe(lambda event: found.append(event) if isinstance(event, KINDS) else None)
    return found


def reports(found: list[Any]) -> list[CrashReport]:
    return [event.report for event in found if isinstance(event, CrashReported)]


@dataclass(frozen=True, slots=True)
class Question:
    prompt: str
    key: str
    size: int
    parts: tuple[str, ...]


class Asked(Actor):
    """Fails on every question, where it is told to."""

    def __init__(self, where: str = "handler") -> None:
        super().__init__()
        self.where = where
        if where == "on_start":
            raise Boom("at once")

    def on_stop(self) -> None:
        if self.where == "on_stop":
            raise Boom("the end")

    def on_receive(self, message: Any) -> Any:
        match self.where:
            case "timer":
                self.where = "handler"
                self.tell_after(0.0, message)
            case "deferred work":
                return self.defer(self.fail())
            case "owned task":
                self.spawn_task(self.fail())
            case "waiting handler":
                return self.fail()
            case _:
                raise Boom("no answer")
        return None

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise Boom("no answer")


class Threaded(BlockingActor):
    def on_receive(self, message: Any) -> Any:
        raise Boom("on a thread")


QUESTION = Question("how do I bake bread?", "canary-key", 7, ("a", "b"))
SHAPE = "Question(prompt=str[20], key=str[10], size=7, parts=tuple[2])"


def test_a_crash_is_reported_once_with_all_that_is_known_of_it() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        said = words_of(kernel)
        inner = ChildSpec("inner", DynamicSupervisor, name="inner", type="supervisor")
        await kernel.spawn(Supervisor, [inner], name="top")
        await add(kernel.ref("inner"), ChildSpec("w", Asked, name="worker"))
        kernel.ref("worker").tell(QUESTION)
        await settle()
        clock.advance(12.5)
        kernel.ref("worker").tell(QUESTION)
        kernel.ref("worker").tell("one more")
        await settle()
        first, second = reports(said)
        assert len(said) == 2
        assert (first.restarts, second.restarts) == (0, 1)
        assert second.actor == second.name == "worker"
        assert second.actor_class.endswith("test_crash_reports.Asked")
        assert second.reason == "crashed: Boom: no answer"
        assert second.during == "handler"
        assert second.last_message == SHAPE
        assert second.ancestors == ("top", "inner")
        assert second.mailbox == 1
        assert second.uptime_s == pytest.approx(12.5)
        assert "test_crash_reports.py" in second.trace
        assert second.trace.rstrip().endswith("Boom: no answer")
        json.dumps(dict(second.facts()))

    run(main())


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(
    ("where", "during", "shape"),
    [
        ("handler", "handler", SHAPE),
        ("waiting handler", "handler", SHAPE),
        ("timer", "handler", SHAPE),
        ("deferred work", "deferred work", SHAPE),
        ("owned task", "owned task", None),
    ],
)
def test_a_report_says_what_failed_and_over_which_message(
    where: str, during: str, shape: str | None, told: bool
) -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        ref = await kernel.spawn(Asked, where)
        if told:
            ref.tell(QUESTION)
        else:
            ref.ask(QUESTION, block=False)
        await ref.wait_exit()
        (report,) = reports(said)
        assert report.during == during
        # A task of its own answers nobody; which message began it is known only where the sender waits.
        assert report.last_message == (shape if told or shape else SHAPE)
        assert report.ending_because is None

    run(main())


def test_a_failing_init_and_a_failing_end_and_a_thread_are_reported_too() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        with pytest.raises(StartError):
            await kernel.spawn(Asked, "on_start")
        await (await kernel.spawn(Asked, "on_stop")).stop()
        both = await kernel.spawn(Asked, "on_stop")
        both.exit(Shutdown("enough"))
        threaded = await kernel.spawn(Threaded)
        threaded.tell(QUESTION)
        await threaded.wait_exit()
        start, end, told, thread = reports(said)
        assert (start.during, start.uptime_s, start.last_message) == ("on_start", 0.0, None)
        assert (end.during, end.ending_because) == ("on_stop", "normal")
        assert told.ending_because == "shutdown: enough"
        assert (thread.during, thread.last_message) == ("handler", SHAPE)

    run(main())


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Shutdown("done"), Killed()])
def test_an_end_that_somebody_wanted_is_no_crash_and_a_kill_is_named(reason: Any) -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        ref = await kernel.spawn(Echo)
        ref.exit(reason)
        await ref.wait_exit()
        assert said == ([ActorKilled(ref)] if reason == Killed() else [])

    run(main())


@pytest.mark.parametrize("waits", [False, True])
def test_a_chain_that_falls_together_gives_one_report_and_one_summary(waits: bool) -> None:
    class Slow(Echo):
        async def on_stop(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)

    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        chain: list[ActorRef[Any]] = [await kernel.spawn(Slow if waits else Echo) for _ in range(1_000)]
        for one, other in pairwise(chain):
            await inside(one, lambda actor, other=other: actor.link(other))
        chain[0].tell(Boom("the first"))
        await until(lambda: kernel.live == 0, passes=100_000)
        report, fall = said
        assert (report.report.actor, report.report.last_message) == (str(chain[0]), "Boom")
        assert (fall.origin, fall.count) == (str(chain[0]), 999)
        assert fall.actors == tuple(str(ref) for ref in chain[1:11])

    run(main())


def test_a_killed_supervisors_children_are_counted_and_not_reported() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        top = await kernel.spawn(DynamicSupervisor)
        for n in range(50):
            await add(top, ChildSpec(str(n), Echo))
        top.kill()
        await until(lambda: kernel.live == 0)
        assert [type(event) for event in said] == [ActorKilled, FateShared]
        assert said[1].count == 50

    run(main())


def test_two_origins_at_once_have_a_report_and_a_summary_each() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        pairs = [(await kernel.spawn(Echo), await kernel.spawn(Echo)) for _ in range(2)]
        for origin, friend in pairs:
            await inside(friend, lambda actor, origin=origin: actor.link(origin))
        for origin, _ in pairs:
            origin.tell(Boom())
        await until(lambda: kernel.live == 0)
        assert sorted(event.origin for event in said if isinstance(event, FateShared)) == sorted(
            report.actor for report in reports(said)
        )
        assert [event.count for event in said if isinstance(event, FateShared)] == [1, 1]

    run(main())


def test_one_that_fails_while_it_falls_along_has_a_report_of_its_own() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        origin, clumsy, last = await kernel.spawn(Echo), await kernel.spawn(Asked, "on_stop"), await kernel.spawn(Echo)
        await inside(origin, lambda actor: actor.link(clumsy))
        await inside(last, lambda actor: actor.link(clumsy))
        origin.tell(Boom("first"))
        await until(lambda: kernel.live == 0)
        assert [(r.during, r.ending_because) for r in reports(said)] == [
            ("handler", None),
            ("on_stop", "crashed: Boom: first"),
        ]
        (fall,) = [event for event in said if isinstance(event, FateShared)]
        assert (fall.origin, fall.actors) == (str(clumsy), (str(last),))

    run(main())


def test_who_traps_exits_does_not_fall_and_a_link_to_nobody_is_a_crash_of_ones_own() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        origin, trapper, lost = await kernel.spawn(Echo), await kernel.spawn(Trapper), await kernel.spawn(Echo)
        await inside(trapper, lambda actor: actor.link(origin))
        origin.tell(Boom())
        await settle()
        post(lost, lambda actor: actor.link(origin))
        assert await lost.wait_exit() == NoProcess()
        assert len(said) == 2
        assert reports(said)[1].reason == "no process"
        assert reports(said)[1].during == f"link to {origin}"
        assert reports(said)[1].trace == ""

    run(main())


def test_a_start_that_fails_deep_in_a_tree_is_reported_where_it_failed_and_once() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        leaf = ChildSpec("leaf", Asked, ("on_start",), name="leaf")
        mid = ChildSpec("mid", Supervisor, ([leaf],), name="mid", type="supervisor")
        with pytest.raises(StartError):
            await kernel.spawn(Supervisor, [mid], name="top")
        assert [report.actor for report in reports(said)] == ["leaf"]
        assert [(event.origin, event.actors) for event in said[1:]] == [("leaf", ("mid",)), ("leaf", ("top",))]

    run(main())


def test_a_start_that_no_actor_failed_is_reported_by_its_supervisor() -> None:
    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        await kernel.spawn(Echo, name="taken")
        with pytest.raises(StartError):
            await kernel.spawn(Supervisor, [ChildSpec("x", Echo, name="taken")], name="top")
        assert [report.actor for report in reports(said)] == ["top"]

    run(main())


def test_a_caller_that_falls_over_its_callees_error_says_where_it_came_from() -> None:
    class Caller(Actor):
        async def on_receive(self, message: Any) -> Any:
            return await message.call(Boom("below"))

    async def main() -> None:
        kernel = Kernel()
        said = words_of(kernel)
        callee, caller = await kernel.spawn(Echo), await kernel.spawn(Caller)
        caller.tell(callee)
        await caller.wait_exit()
        below, above = reports(said)
        assert (below.actor, below.first_in) == (str(callee), None)
        assert (above.actor, above.first_in) == (str(caller), str(callee))

    run(main())


def test_nothing_is_noted_or_marked_while_nobody_listens() -> None:
    async def main() -> None:
        kernel = Kernel()
        one, other = await kernel.spawn(Echo), await kernel.spawn(Echo)
        await inside(one, lambda actor: actor.link(other))
        error = Boom()
        one.tell(error)
        await until(lambda: kernel.live == 0)
        assert not vars(error)
        assert kernel.crashes.pending == 0

    run(main())


def test_a_listener_that_leaves_in_the_middle_of_a_fall_leaves_nothing_behind() -> None:
    class Held(Echo):
        async def on_stop(self) -> None:  # type: ignore[override]
            await self.log[0].wait()

    async def main() -> None:
        kernel = Kernel()
        leave = kernel.events.subscribe(lambda _: None)
        gate = asyncio.Event()
        one, other = await kernel.spawn(Echo), await kernel.spawn(Held, [gate])
        await inside(one, lambda actor: actor.link(other))
        one.tell(Boom())
        await settle()
        assert kernel.crashes.pending
        leave()
        gate.set()
        await until(lambda: kernel.live == 0)
        assert kernel.crashes.pending == 0

    run(main())


@pytest.mark.parametrize("where", ["handler", "waiting handler", "deferred work"])
def test_a_message_lives_no_longer_than_its_handling(where: str) -> None:
    class Note:
        pass

    class Deaf(Asked):
        async def fail(self) -> None:
            await asyncio.sleep(0)

        def on_receive(self, message: Any) -> Any:
            return None if self.where == "handler" else super().on_receive(message)

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Deaf, where)
        note = Note()
        gone = weakref.ref(note)
        ref.tell(note)
        del note
        await settle()
        gc.collect()
        assert gone() is None
        assert ref.is_alive()

    run(main())
