"""Looking inside actors: reports, suspension, traces and restart histories."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    BlockingActor,
    CallTimeout,
    ChildSpec,
    Kernel,
    Killed,
    ManualClock,
    RestartLog,
    StartChild,
    TracedMessage,
    find,
    inspect,
    resume,
    suspend,
    trace,
    untrace,
)
from supervisors import DynamicSupervisor, Supervisor, snapshot
from tests.actors_for_tests import Boom, Echo, Gate, Refusal
from tests.support import run

SECRET = "sk-ant-" + "a" * 30


class Keeper(Echo):
    """Has something to hide."""

    def __init__(self) -> None:
        super().__init__()
        self._api_key = SECRET
        self._prompts = ["tell nobody of this"]
        self._count = 7


class Talker(Echo):
    """Says more of itself than it should."""

    def describe(self) -> Mapping[str, object]:
        return {"key": SECRET, **{f"fact {n}": "x" * 1_000 for n in range(1_000)}}


class BadTalker(Echo):
    """Cannot say anything of itself."""

    def describe(self) -> Mapping[str, object]:
        raise Boom("no")


class Sleeper(BlockingActor):
    """Blocks its thread until the event in the message is set."""

    def on_receive(self, message: Any) -> None:
        inside, go_on = message
        inside.set()
        assert go_on.wait(5)


def code(run_inside: Callable[[Actor], Any]) -> Callable[[Actor], Any]:
    """A message that `Echo` runs with itself."""
    return run_inside


def traced(ref: ActorRef[Any]) -> list[TracedMessage]:
    return list(inspect(ref).trace or ())


async def passes(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_an_actor_is_found_by_its_name_and_by_its_label() -> None:
    async def main() -> None:
        kernel = Kernel()
        named = await kernel.spawn(Echo, name="it")
        unnamed = await kernel.spawn(Echo)
        assert find(kernel, "it") is named
        assert find(kernel, str(unnamed)) is unnamed
        for nobody in ("other", "Gate#2", "Echo#99", "Echo#", "#2", "Echo#-1", "", "Echo#" + "9" * 5_000):
            assert find(kernel, nobody) is None
        await kernel.shutdown()

    run(main())


def test_a_report_says_who_is_linked_watched_timed_and_how_full_the_mailbox_is() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        top = await kernel.spawn(Echo, name="top")
        ref = await kernel.spawn(Echo, name="it", parent=top)
        other = await kernel.spawn(Echo, name="other")
        await ref.call(code(lambda a: a.link(other)))
        await ref.call(code(lambda a: a.monitor(top) and None))
        await other.call(code(lambda a: a.monitor(ref) and None))
        await ref.call(code(lambda a: a.tell_every(2.5, "tick") and None))
        clock.advance(1.5)
        suspend(ref)
        ref.tell("one")
        ref.tell("two")
        report = inspect(ref)
        assert (report.label, report.name, report.actor_class, report.parent) == ("it", "it", "Echo", "top")
        assert (report.uptime_s, report.restarts, report.mailbox, report.mailbox_limit) == (1.5, 0, 2, 10_000)
        assert report.links.first == ("other",)
        assert report.monitors.first == ("top",)
        assert report.monitored_by.first == ("other",)
        assert report.timers.first == ("str[4] every 2.5 s",)
        assert report.activity.what == "idle"
        await kernel.shutdown()

    run(main())


def test_a_report_names_the_message_the_callee_and_the_line_of_a_handler_that_waits() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        callee = await kernel.spawn(Gate, name="callee")
        never = asyncio.Event()

        async def waits(_actor: Any) -> None:
            await callee.call(never, timeout_s=None)

        ref = await kernel.spawn(Echo, name="it")
        ref.tell(waits)
        await passes()
        clock.advance(4.0)
        for also_traced in (False, True):
            if also_traced:  # a trace that begins in the middle of a handler must not hide where it is
                trace(ref, 5)
            activity = inspect(ref).activity
            assert (activity.what, activity.message, activity.since_s) == ("handler", "function", 4.0)
            assert activity.calling == "callee"
            assert activity.where is not None
            assert activity.where.startswith(f"{__name__}:")
            assert activity.where.endswith("waits")
        await kernel.shutdown()

    run(main())


def test_a_traced_handler_that_waits_is_still_shown_with_its_line() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Gate)
        trace(ref)
        ref.tell(asyncio.Event())
        await passes()
        assert "Gate.on_receive" in str(inspect(ref).activity.where)
        await kernel.shutdown()

    run(main())


def test_a_blocked_thread_is_shown_with_its_line() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Sleeper)
        inside, go_on = threading.Event(), threading.Event()
        answer = asyncio.ensure_future(ref.call((inside, go_on)))
        await asyncio.to_thread(inside.wait, 5)
        where = inspect(ref).activity.where
        go_on.set()
        await answer
        assert "Sleeper.on_receive" in str(where)
        await kernel.shutdown()

    run(main())


def test_the_state_shows_types_and_sizes_and_never_a_text() -> None:
    async def main() -> None:
        kernel = Kernel()
        state = inspect(await kernel.spawn(Keeper)).state
        assert state["api_key"] == f"str[{len(SECRET)}]"
        assert state["prompts"] == "list[1]"
        assert state["count"] == "7"
        assert "nobody" not in str(state)
        await kernel.shutdown()

    run(main())


def test_a_description_is_bounded_and_scrubbed_and_its_failure_harms_nobody() -> None:
    async def main() -> None:
        kernel = Kernel()
        state = inspect(await kernel.spawn(Talker)).state
        assert SECRET not in str(state)
        assert len(str(state)) < 6_000
        bad = await kernel.spawn(BadTalker)
        assert inspect(bad).state == {"not described": "describe raised Boom"}
        assert await bad.call(1) == 1
        await kernel.shutdown()

    run(main())


def test_a_suspended_actor_keeps_its_messages_until_it_is_resumed() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Echo, name="it")
        suspend(ref)
        suspend(ref)
        early = asyncio.ensure_future(ref.call("early", timeout_s=1.0))
        late = asyncio.ensure_future(ref.call("late", timeout_s=9.0))
        await passes()
        assert (inspect(ref).status, inspect(ref).mailbox) == ("suspended", 2)
        assert [node["status"] for node in snapshot(kernel)] == ["suspended"]
        clock.advance(2.0)
        with pytest.raises(CallTimeout):
            await early
        resume(ref)
        assert await late == "late"
        assert inspect(ref).status == "running"
        await kernel.shutdown()

    run(main())


def test_a_handler_that_was_begun_ends_and_nothing_follows_while_suspended() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Gate)
        gate = asyncio.Event()
        ref.tell(gate)
        await passes()
        suspend(ref)
        second = asyncio.Event()
        second.set()
        following = asyncio.ensure_future(ref.call(second))
        gate.set()
        await passes(50)
        assert (inspect(ref).activity.what, inspect(ref).mailbox) == ("idle", 1)
        resume(ref)
        await following
        await kernel.shutdown()

    run(main())


def test_a_suspended_actor_can_be_killed_and_shares_the_fate_of_its_links() -> None:
    async def main() -> None:
        kernel = Kernel()
        one, two = await kernel.spawn(Echo), await kernel.spawn(Echo)
        await one.call(code(lambda a: a.link(two)))
        suspend(one)
        suspend(two)
        one.kill()
        assert await one.wait_exit() == Killed()
        assert await two.wait_exit() == Killed()
        for dead in (inspect, suspend, resume, trace, untrace):
            with pytest.raises(ActorDeadError):
                dead(one)
        await kernel.shutdown()

    run(main())


def test_a_suspended_supervisor_still_restarts_and_is_stopped_from_above() -> None:
    async def main() -> None:
        kernel = Kernel()
        below = ChildSpec("below", Supervisor, ((ChildSpec("it", Echo, name="it"),),), name="below", type="supervisor")
        top = await kernel.spawn(Supervisor, (below,), name="top")
        sup = find(kernel, "below")
        assert sup is not None
        suspend(sup)
        kernel.ref("it").kill()
        await passes(50)
        assert await kernel.ref("it").call(1) == 1
        await top.stop()
        assert kernel.live == 0

    run(main())


def test_a_trace_keeps_the_last_messages_with_their_durations_and_no_text() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Gate)
        await ref.call(_open())
        assert inspect(ref).trace is None
        trace(ref, 2)
        gate = asyncio.Event()
        ref.tell(gate)
        await passes()
        clock.advance(3.0)
        (now,) = traced(ref)
        assert (now.came, now.outcome, now.took_s, now.age_s) == ("told", "handling", None, 3.0)
        gate.set()
        await passes()
        await ref.call(_open())
        first, second = traced(ref)
        assert (first.outcome, first.took_s) == ("done", 3.0)
        assert (second.came, second.summary, second.took_s) == ("called", "Event", 0.0)
        await ref.call(_open())
        assert len(inspect(ref).trace or ()) == 2
        untrace(ref)
        assert inspect(ref).trace is None
        await ref.call(_open())
        await kernel.shutdown()

    run(main())


def _open() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


def test_a_traced_error_is_shown_scrubbed_and_a_deferred_reply_as_such() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        trace(ref)

        async def later() -> int:
            return 5

        with pytest.raises(Refusal):
            await ref.call(Refusal(f"with {SECRET}"))
        assert await ref.call(code(lambda a: a.defer(later()))) == 5
        refused, deferred = traced(ref)
        assert refused.outcome == "raised Refusal: with [redacted]"
        assert deferred.outcome == "deferred"
        await kernel.shutdown()

    run(main())


def test_a_traced_handler_that_is_dropped_before_it_began_leaves_no_coroutine_behind() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Gate)
        trace(ref)
        cell = ref.resolve()
        assert cell is not None
        assert cell.actor is not None
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            cell.actor.receive(asyncio.Event()).close()
            untrace(ref)
            gc.collect()
        assert [str(warning.message) for warning in warned] == []
        await kernel.shutdown()

    run(main())


def test_a_trace_lasts_over_the_actors_sleep() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Echo, passivate_after_s=1.0)
        trace(ref, 5)
        await ref.call(1)
        clock.advance(2.0)
        await passes()
        assert inspect(ref).status == "asleep"
        assert await ref.call(2) == 2
        assert [message.summary for message in inspect(ref).trace or ()] == ["1", "2"]
        await kernel.shutdown()

    run(main())


@pytest.mark.parametrize("keep", [0, -1, 1_001])
def test_a_trace_without_bound_is_refused(keep: int) -> None:
    async def main() -> None:
        kernel = Kernel()
        with pytest.raises(ValueError, match="from 1 to 1000"):
            trace(await kernel.spawn(Echo), keep)
        await kernel.shutdown()

    run(main())


def test_a_restart_history_goes_on_under_one_name_and_is_bounded() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        log = RestartLog(kernel)
        log.attach()
        await kernel.spawn(Supervisor, (ChildSpec("it", Echo, name="it"),), name="top", max_restarts=100)
        for _ in range(25):
            kernel.ref("it").tell(Boom(f"because of {SECRET}"))
            await passes(20)
        history = log.of("it")
        assert len(history) == 20
        assert (history[-1].supervisor, history[-1].child_id, history[-1].before) == ("top", "it", "it")
        assert "[redacted]" in history[-1].reason
        assert SECRET not in str(history)
        await kernel.shutdown()

    run(main())


def test_a_restart_history_follows_an_unnamed_child_from_label_to_label() -> None:
    async def main() -> None:
        kernel = Kernel()
        log = RestartLog(kernel)
        log.attach()
        top = await kernel.spawn(DynamicSupervisor, name="top")
        first = await top.call(StartChild(ChildSpec("same", Echo)))
        other = await top.call(StartChild(ChildSpec("same", Echo)))
        labels = [str(first)]
        for _ in range(2):
            found = find(kernel, labels[-1])
            assert found is not None
            found.kill()
            await passes(20)
            labels.append(str(list(kernel.actors())[-1]))
        history = log.of(labels[-1])
        assert [restart.before for restart in history] == labels[:2]
        assert [restart.after for restart in history] == labels[1:]
        assert log.of(str(other)) == ()
        await kernel.shutdown()

    run(main())
