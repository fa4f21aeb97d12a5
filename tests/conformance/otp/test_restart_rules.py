"""Restart rules: numbers 39 to 52 of the list of OTP behaviours."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors.kernel import (
    Actor,
    ActorDeadError,
    ChildRestarted,
    ChildSpec,
    Crashed,
    Kernel,
    ManualClock,
    Shutdown,
    SupervisorEscalated,
    WhichChildren,
)
from supervisors import Backoff, Supervisor
from tests.actors_for_tests import Boom, Echo, child, events_of, inside, new_log, settle, until
from tests.support import run


async def one_child(kernel: Kernel, restart: Any, **options: Any) -> Any:
    return await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w", restart=restart)], **options)


@pytest.mark.parametrize(
    ("number", "restart", "end", "comes_back"),
    [
        (39, "permanent", "stop", True),
        (39, "permanent", "crash", True),
        (40, "transient", "stop", False),
        (40, "transient", "shutdown", False),
        (40, "transient", "crash", True),
        (40, "transient", "kill", True),
        (41, "temporary", "crash", False),
        (41, "temporary", "stop", False),
    ],
)
def test_39_to_41_restart_types_decide_who_comes_back(number: int, restart: str, end: str, comes_back: bool) -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await one_child(kernel, restart)
        first = await child(sup, "w")
        match end:
            case "stop":
                first.stop()
            case "shutdown":
                first.exit(Shutdown("done"))
            case "crash":
                first.tell(Boom())
            case _:
                first.kill()
        await settle()
        infos = await sup.call(WhichChildren())
        assert [info.id for info in infos] == ([] if restart == "temporary" else ["w"])
        now = kernel.registry.whereis("w")
        assert (now is not None) is comes_back
        assert now is not first

    run(main())


def specs(log: list[Any]) -> list[ChildSpec]:
    return [
        ChildSpec("a", Echo, (log, "a"), name="a"),
        ChildSpec("b", Echo, (log, "b"), name="b"),
        ChildSpec("t", Echo, (log, "t"), name="t", restart="temporary"),
        ChildSpec("c", Echo, (log, "c"), name="c"),
    ]


@pytest.mark.parametrize(
    ("strategy", "stops", "starts"),
    [
        ("one_for_one", [], ["b"]),
        ("one_for_all", ["c", "t", "a"], ["a", "b", "c"]),
        ("rest_for_one", ["c", "t"], ["b", "c"]),
    ],
)
def test_42_to_44_strategies_stop_in_reverse_and_start_in_order(
    strategy: Any, stops: list[str], starts: list[str]
) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        sup = await kernel.spawn(Supervisor, specs(log), strategy=strategy)
        before = {name: kernel.registry.whereis(name) for name in "abtc"}
        log.clear()
        kernel.ref("b").tell(Boom())
        await until(lambda: len([e for e in log if e[0] == "start"]) == len(starts))
        await settle()
        assert [e[1] for e in log if e[0] == "stop" and e[1] != "b"] == stops
        assert [e[1] for e in log if e[0] == "start"] == starts
        for name in "ac":
            assert (kernel.registry.whereis(name) is before[name]) is (name not in starts)
        infos = await sup.call(WhichChildren())
        assert ("t" in [i.id for i in infos]) is (strategy == "one_for_one")

    run(main())


def test_45_a_restarted_child_has_fresh_state_and_an_empty_mailbox() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await one_child(kernel, "permanent")
        old = await child(sup, "w")
        await inside(old, lambda actor: setattr(actor, "mark", 1))
        old.tell(Boom())
        with pytest.raises(ActorDeadError):
            await old.call("queued behind the crash")
        await settle()
        assert await inside(kernel.ref("w"), lambda actor: hasattr(actor, "mark")) is False

    run(main())


class FailsAgain(Actor):
    """Starts well the first time, then fails `failures` times."""

    def __init__(self, history: list[str], failures: int) -> None:
        super().__init__()
        self.history = history
        self.failures = failures

    def on_start(self) -> None:
        self.history.append("try")
        if 1 < len(self.history) <= self.failures + 1:
            raise Boom

    def on_receive(self, message: Any) -> Any:
        raise Boom


@pytest.mark.parametrize(("failures", "survives"), [(2, True), (3, False)])
def test_46_failing_restarts_are_tried_again_and_each_counts(failures: int, survives: bool) -> None:
    async def main() -> None:
        kernel, history = Kernel(clock=ManualClock()), new_log()
        sup = await kernel.spawn(
            Supervisor, [ChildSpec("w", FailsAgain, (history, failures), name="w")], max_restarts=3
        )
        kernel.ref("w").tell("crash")
        clock = kernel.clock
        assert isinstance(clock, ManualClock)
        for _ in range(5):
            await settle()
            clock.advance(0.0)
        await settle()
        assert sup.is_alive() is survives
        assert len(history) == 4

    run(main())


@pytest.mark.parametrize(("crashes", "gap_s", "alive"), [(3, 0.0, True), (4, 0.0, False), (4, 5.0 / 3, True)])
def test_47_the_window_admits_exactly_max_restarts_and_forgets_at_its_edge(
    crashes: int, gap_s: float, alive: bool
) -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        sup = await one_child(kernel, "permanent")
        for number in range(crashes):
            if number:
                clock.advance(gap_s)
            kernel.ref("w").tell(Boom())
            await settle()
        assert sup.is_alive() is alive
        if not alive:
            assert isinstance(sup.exit_reason, Shutdown)
            assert kernel.live == 0

    run(main())


def test_48_with_no_restarts_allowed_the_first_crash_ends_the_supervisor() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await one_child(kernel, "permanent", max_restarts=0)
        kernel.ref("w").tell(Boom())
        await settle()
        assert isinstance(sup.exit_reason, Shutdown)

    run(main())


def test_49_a_storm_ends_at_the_top_and_keeps_the_reasons_of_the_chain() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        escalated = events_of(kernel, SupervisorEscalated)
        inner = ChildSpec(
            "inner",
            Supervisor,
            ([ChildSpec("w", Echo, name="w")],),
            {"max_restarts": 1},
            name="inner",
            type="supervisor",
        )
        top = await kernel.spawn(Supervisor, [inner], max_restarts=1, name="top")
        for _ in range(4):
            kernel.ref("w").tell(Boom("storm"))
            await settle()
        assert [e.supervisor for e in escalated] == ["inner", "inner", "top"]
        assert isinstance(top.exit_reason, Shutdown)
        assert "inner" in str(top.exit_reason)
        assert "storm" in str(top.exit_reason)
        assert kernel.live == 0

    run(main())


def test_50_crashes_in_the_same_instant_are_each_handled_once() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        restarted = events_of(kernel, ChildRestarted)
        names = [f"w{n}" for n in range(50)]
        await kernel.spawn(Supervisor, [ChildSpec(n, Echo, (log, n), name=n) for n in names], max_restarts=50)
        log.clear()
        for name in names:
            kernel.ref(name).tell(Boom())
        await until(lambda: len(restarted) == 50)
        await settle()
        assert sorted(e.child_id for e in restarted) == sorted(names)
        assert sorted(e[1] for e in log if e[0] == "start") == sorted(names)

    run(main())


def test_51_backoff_delays_a_restart_without_blocking_the_supervisor() -> None:
    seed = 7
    print(f"seed {seed}")

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock, rng=random.Random(seed))
        backoff = Backoff(base_s=1.0, max_s=8.0, jitter=0.5)
        expected = backoff.delay_s(1, random.Random(seed))
        sup = await one_child(kernel, "permanent", backoff=backoff)
        kernel.ref("w").tell(Boom())
        await settle()
        assert await child(sup, "w") == "restarting"
        clock.advance(expected - 0.001)
        await settle()
        assert kernel.registry.whereis("w") is None
        clock.advance(0.001)
        await settle()
        assert kernel.registry.whereis("w") is not None

    run(main())


def test_52_the_defaults_are_three_restarts_in_five_seconds_and_five_seconds_to_stop() -> None:
    async def main() -> None:
        kernel = Kernel(clock=ManualClock())
        sup = await one_child(kernel, "permanent")
        for _ in range(3):
            kernel.ref("w").tell(Boom())
            await settle()
        assert sup.is_alive()
        assert ChildSpec("w", Echo).effective_shutdown == 5.0
        assert ChildSpec("s", Supervisor, type="supervisor").effective_shutdown == "infinity"
        boom = Boom()
        kernel.ref("w").tell(boom)
        await settle()
        assert str(Crashed(boom)) in str(sup.exit_reason)

    run(main())
