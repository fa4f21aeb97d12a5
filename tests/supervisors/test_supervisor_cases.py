"""Corners of `Supervisor`, most of them asked of OTP's as well: failing starts, taken names, ends that cross."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from actors.kernel import (
    IGNORE,
    Actor,
    ActorExited,
    AlreadyPresent,
    ChildCounts,
    ChildRestarted,
    ChildRunning,
    ChildSpec,
    CountChildren,
    Crashed,
    DeleteChild,
    Kernel,
    Killed,
    ManualClock,
    NameTakenError,
    RestartChild,
    Shutdown,
    StartChild,
    StartError,
    SupervisorEscalated,
    TerminateChild,
    WhichChildren,
)
from supervisors import Backoff, Supervisor, strategy
from supervisors import supervisor as supervisor_module
from tests.actors_for_tests import Boom, Echo, add, child, events_of, new_log, settle, until
from tests.support import run


class Gated(Actor):
    """Starts and stops when its gate is open; a closed gate is waited for."""

    def __init__(self, gates: dict[str, asyncio.Event], log: list[Any] | None = None, label: str = "") -> None:
        super().__init__()
        self.gates = gates
        self.log: list[Any] = log if log is not None else []
        self.label = label

    async def on_start(self) -> None:
        self.log.append(("starting", self.label))
        if "start" in self.gates:
            await self.gates["start"].wait()

    async def on_stop(self) -> None:
        self.log.append(("stopping", self.label))
        if "stop" in self.gates:
            await self.gates["stop"].wait()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


class Flaky(Actor):
    """Fails to start as often as `fails` says."""

    def __init__(self, fails: list[BaseException]) -> None:
        super().__init__()
        if fails:
            raise fails.pop()

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("slow", [False, True])
def test_whichever_child_fails_to_start_its_elders_stop_in_reverse_and_the_error_names_it(
    place: int, slow: bool
) -> None:
    class SlowFailing(Actor):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            raise Boom

    async def main() -> None:
        kernel, log = Kernel(), new_log()
        children = [ChildSpec(n, Echo, (log, n)) for n in "abcd"]
        failing = ChildSpec(children[place].id, SlowFailing if slow else Flaky, () if slow else ([Boom()],))
        children[place] = failing
        with pytest.raises(StartError) as caught:
            await kernel.spawn(Supervisor, children, name="top")
        assert isinstance(caught.value.reason, Crashed)
        named = caught.value.reason.exception
        assert isinstance(named, StartError)
        assert named.who == f"top/{failing.id}"
        assert isinstance(named.reason, Crashed)
        assert isinstance(named.reason.exception, Boom)
        elders = "abcd"[:place]
        assert [m[:2] for m in log] == [("start", n) for n in elders] + [("stop", n) for n in reversed(elders)]
        assert all(m[2] == Shutdown() for m in log if m[0] == "stop")
        assert (kernel.live, kernel.registry.names()) == (0, ())

    run(main())


def test_a_taken_name_fails_the_supervisors_start_like_any_other_failing_child() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        await kernel.spawn(Echo, name="taken")
        children = [ChildSpec(n, Echo, (log, n)) for n in "ab"]
        with pytest.raises(StartError) as caught:
            await kernel.spawn(Supervisor, [*children, ChildSpec("c", Echo, name="taken")], name="top")
        reason = caught.value.reason
        assert isinstance(reason, Crashed)
        assert isinstance(reason.exception, StartError)
        assert reason.exception.who == "top/c"
        assert "NameTakenError" in str(reason.exception)
        assert [m[:2] for m in log] == [("start", "a"), ("start", "b"), ("stop", "b"), ("stop", "a")]
        assert kernel.live == 1

    run(main())


def test_a_name_taken_by_a_stranger_between_crash_and_restart_counts_and_does_not_crash_the_supervisor() -> None:
    async def main() -> None:
        kernel = Kernel()
        ended = events_of(kernel, SupervisorEscalated)
        sup = await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], max_restarts=3)
        old = kernel.registry.whereis("w")
        assert old is not None
        cell, thief = old.resolve(), await kernel.spawn(Echo)
        assert cell is not None
        kernel.events.subscribe(
            lambda e: _steal(kernel, thief) if isinstance(e, ActorExited) and e.ref is old else None
        )
        old.kill()
        reason = await sup.wait_exit()
        assert isinstance(reason, Shutdown)
        assert [type(e.reason) for e in ended] == [Crashed]
        assert "NameTakenError" in str(ended[0].reason)
        assert thief.is_alive()

    run(main())


def _steal(kernel: Kernel, thief: Any) -> None:
    kernel.registry.register("w", thief.resolve())


def test_a_name_clash_in_start_child_is_told_to_the_caller_and_leaves_no_spec() -> None:
    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Echo, name="taken")
        sup = await kernel.spawn(Supervisor)
        with pytest.raises(NameTakenError):
            await sup.call(StartChild(ChildSpec("x", Echo, name="taken")))
        assert await sup.call(WhichChildren()) == ()

    run(main())


def test_a_failing_start_child_or_restart_child_leaves_everything_as_it_was() -> None:
    async def main() -> None:
        kernel, fails = Kernel(), [Boom(), Boom()]
        sup = await kernel.spawn(Supervisor)
        with pytest.raises(StartError):
            await sup.call(StartChild(ChildSpec("x", Flaky, (fails,))))
        assert await sup.call(WhichChildren()) == ()
        fails.clear()
        await add(sup, ChildSpec("x", Flaky, (fails,)))
        await sup.call(TerminateChild("x"))
        fails.append(Boom())
        with pytest.raises(StartError):
            await sup.call(RestartChild("x"))
        assert [i.ref for i in await sup.call(WhichChildren())] == [None]
        assert (await sup.call(RestartChild("x"))).is_alive()
        assert await sup.call(CountChildren()) == ChildCounts(1, 1, 0, 1)

    run(main())


def test_a_temporary_child_that_ignores_its_start_leaves_no_spec_and_others_keep_theirs() -> None:
    class Unneeded(Actor):
        def on_start(self) -> Any:
            return IGNORE

    async def main() -> None:
        sup = await Kernel().spawn(Supervisor)
        for restart in ("permanent", "transient", "temporary"):
            assert await sup.call(StartChild(ChildSpec(restart, Unneeded, restart=restart))) is None
        assert [(i.id, i.ref) for i in await sup.call(WhichChildren())] == [("permanent", None), ("transient", None)]
        with pytest.raises(AlreadyPresent):
            await sup.call(StartChild(ChildSpec("permanent", Unneeded)))

    run(main())


def test_a_terminated_child_stays_down_until_asked_for_but_comes_back_with_its_siblings() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(
            Supervisor, [ChildSpec(n, Echo, name=n) for n in "abc"], strategy="rest_for_one", max_restarts=10
        )
        await sup.call(TerminateChild("b"))
        kernel.ref("c").tell(Boom())
        await settle()
        assert await child(sup, "b") is None
        kernel.ref("a").tell(Boom())
        await settle()
        assert all(kernel.registry.whereis(n) is not None for n in "abc")

    run(main())


def test_a_child_whose_restart_keeps_failing_is_restarting_and_can_be_terminated_but_not_deleted() -> None:
    async def main() -> None:
        clock, fails = ManualClock(), list[BaseException]()
        kernel = Kernel(clock=clock)
        sup = await kernel.spawn(
            Supervisor, [ChildSpec("x", Flaky, (fails,), name="x")], backoff=Backoff(base_s=10.0, jitter=0.0)
        )
        kernel.ref("x").tell(Boom())
        await settle()
        assert await child(sup, "x") == "restarting"
        for message in (DeleteChild("x"), RestartChild("x")):
            with pytest.raises(ChildRunning):
                await sup.call(message)
        await sup.call(TerminateChild("x"))
        assert await child(sup, "x") is None
        clock.advance(100.0)
        await settle()
        assert await child(sup, "x") is None
        await sup.call(DeleteChild("x"))

    run(main())


def test_a_late_backoff_timer_does_not_restart_a_later_crash_too_early() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock, rng=random.Random(1))
        restarted = events_of(kernel, ChildRestarted)
        sup = await kernel.spawn(
            Supervisor,
            [ChildSpec("x", Echo, name="x")],
            max_restarts=10,
            backoff=Backoff(base_s=8.0, max_s=100.0, jitter=0.0),
        )
        kernel.ref("x").tell(Boom())  # due at 8
        await settle()
        await sup.call(TerminateChild("x"), timeout_s=None)
        await sup.call(RestartChild("x"), timeout_s=None)
        clock.advance(7.0)
        kernel.ref("x").tell(Boom())  # the second crash: due at 7 + 16
        await settle()
        clock.advance(1.0)
        await settle()
        assert restarted == []
        clock.advance(15.0)
        await settle()
        assert [e.child_id for e in restarted] == ["x"]

    run(main())


def test_when_a_group_restart_is_called_off_halfway_nobody_is_left_restarting_for_ever() -> None:
    class Stuck(Actor):
        """Starts, then fails to start again until the flag is gone."""

        def __init__(self, broken: list[int]) -> None:
            super().__init__()
            if broken:
                raise Boom

    async def main() -> None:
        kernel, broken = Kernel(clock=ManualClock()), list[int]()
        children = [ChildSpec("a", Stuck, (broken,)), ChildSpec("b", Echo, name="b")]
        sup = await kernel.spawn(Supervisor, children, strategy="one_for_all", max_restarts=1000)
        broken.append(1)
        kernel.ref("b").tell(Boom())
        await until(lambda: kernel.registry.whereis("b") is None)
        await sup.call(TerminateChild("a"))
        await settle()
        assert [(i.id, i.ref) for i in await sup.call(WhichChildren())] == [("a", None), ("b", None)]
        assert (await sup.call(RestartChild("b"))).is_alive()

    run(main())


@pytest.mark.parametrize("strategy_name", ["one_for_one", "one_for_all", "rest_for_one"])
def test_a_sibling_whose_start_fails_during_a_group_restart_is_tried_again_and_counts(strategy_name: Any) -> None:
    async def main() -> None:
        kernel, fails = Kernel(), list[BaseException]()
        children = [ChildSpec("a", Echo, name="a"), ChildSpec("b", Flaky, (fails,), name="b"), ChildSpec("c", Echo)]
        sup = await kernel.spawn(Supervisor, children, strategy=strategy_name, max_restarts=3)
        fails.extend([Boom(), Boom()])
        kernel.ref("b").kill()
        await settle(60)
        assert sup.is_alive()
        assert fails == []
        fails.append(Boom())
        kernel.ref("b").kill()
        assert isinstance(await sup.wait_exit(), Shutdown)

    run(main())


def test_a_supervisor_killed_while_it_stops_its_children_leaves_none_behind() -> None:
    async def main() -> None:
        kernel, log = Kernel(clock=ManualClock()), new_log()
        held = {"stop": asyncio.Event()}
        sup = await kernel.spawn(Supervisor, [ChildSpec(n, Gated, (held, log, n)) for n in "abc"])
        sup.exit(Shutdown())
        await settle()
        assert log[-1] == ("stopping", "c")
        sup.kill()
        assert await sup.wait_exit() == Killed()
        await until(lambda: kernel.live == 0)
        assert ("stopping", "b") not in log

    run(main())


def test_a_supervisor_killed_during_a_childs_init_leaves_none_behind() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        starting = asyncio.ensure_future(
            kernel.spawn(
                Supervisor, [ChildSpec("a", Echo), ChildSpec("b", Gated, ({"start": asyncio.Event()},))], name="top"
            )
        )
        await settle()
        kernel.ref("top").kill()
        with pytest.raises(StartError) as caught:
            await starting
        assert caught.value.reason == Killed()
        await until(lambda: kernel.live == 0)
        await until(lambda: not kernel.tasks)

    run(main())


def test_a_child_that_crashes_while_a_sibling_is_being_restarted_is_restarted_too_and_once() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        gate = asyncio.Event()
        gate.set()
        sup = await kernel.spawn(
            Supervisor,
            [ChildSpec("slow", Gated, ({"start": gate}, log, "slow"), name="slow"), ChildSpec("x", Echo, name="x")],
        )
        restarted = events_of(kernel, ChildRestarted)
        gate.clear()
        kernel.ref("slow").tell(Boom())
        await settle()
        kernel.ref("x").tell(Boom())
        await settle()
        gate.set()
        await settle(40)
        assert sorted(e.child_id for e in restarted) == ["slow", "x"]
        assert all(i.ref is not None for i in await sup.call(WhichChildren()))

    run(main())


def test_exits_of_strangers_and_of_former_incarnations_change_nothing() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("x", Echo, name="x")])
        stranger = await kernel.spawn(Echo, link_to=sup)
        kept = kernel.registry.whereis("x")
        stranger.kill()
        sup.tell("an unknown message")
        await settle()
        assert sup.is_alive()
        assert kernel.registry.whereis("x") is kept

    run(main())


def test_the_first_of_several_restarts_too_many_ends_the_supervisor_and_siblings_stop_in_reverse() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        children = [ChildSpec(n, Echo, (log, n), name=n) for n in "abc"]
        sup = await kernel.spawn(Supervisor, children, max_restarts=0)
        for name in "abc":
            kernel.ref(name).kill()
        await sup.wait_exit()
        escalations = [m for m in log if m[0] == "stop"]
        assert escalations == []  # all three were dead already
        assert kernel.live == 0
        log.clear()
        sup = await kernel.spawn(Supervisor, children, max_restarts=0)
        kernel.ref("b").kill()
        await sup.wait_exit()
        assert [m[1] for m in log if m[0] == "stop"] == ["c", "a"]

    run(main())


@pytest.mark.parametrize("where", ["should_restart", "affected"])
def test_66_a_bug_in_a_strategy_restarts_the_supervisor_under_its_parent_and_leaks_no_child(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        inner = ChildSpec(
            "inner",
            Supervisor,
            ([ChildSpec(n, Echo, (log, n), name=n) for n in "abc"],),
            name="inner",
            type="supervisor",
        )
        top = await kernel.spawn(Supervisor, [inner])

        def bug(*_args: Any) -> Any:
            raise Boom

        before = kernel.registry.whereis("inner")
        assert before is not None
        with monkeypatch.context() as patch:
            patch.setattr(supervisor_module, where, bug)
            log.clear()
            kernel.ref("b").kill()
            await before.wait_exit()
        await until(lambda: kernel.registry.whereis("c") is not None)
        assert isinstance(before.exit_reason, Crashed)
        assert [m[:2] for m in log] == [("stop", "c"), ("stop", "a"), ("start", "a"), ("start", "b"), ("start", "c")]
        assert (top.is_alive(), kernel.live) == (True, 5)
        assert strategy.should_restart is supervisor_module.should_restart

    run(main())
