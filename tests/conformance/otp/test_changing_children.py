"""Changing children and dynamic supervisors: numbers 53 to 63 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace as struct_replace

from actors.kernel import (
    Actor,
    AlreadyPresent,
    AlreadyStarted,
    ChildCounts,
    ChildRunning,
    ChildSpec,
    CountChildren,
    DeleteChild,
    InvalidChildSpecError,
    Kernel,
    MaxChildren,
    NotFound,
    RestartChild,
    Shutdown,
    StartChild,
    StartError,
    TerminateChild,
    WhichChildren,
)
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import Boom, Echo, add, child, new_log, settle, until
from tests.support import run


def test_53_start_child_adds_at_the_end_and_refuses_duplicates() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("a", Echo)])
        spec = ChildSpec("b", Echo)
        ref = await add(sup, spec)
        assert [i.id for i in await sup.call(WhichChildren())] == ["a", "b"]
        with pytest.raises(AlreadyStarted) as caught:
            await sup.call(StartChild(spec))
        assert caught.value.ref is ref
        await sup.call(TerminateChild("b"))
        with pytest.raises(AlreadyPresent):
            await sup.call(StartChild(spec))

    run(main())


def test_54_and_55_terminate_restart_and_delete_follow_the_childs_state() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("a", Echo), ChildSpec("t", Echo, restart="temporary")])
        with pytest.raises(ChildRunning):
            await sup.call(RestartChild("a"))
        with pytest.raises(ChildRunning):
            await sup.call(DeleteChild("a"))
        await sup.call(TerminateChild("a"))
        await sup.call(TerminateChild("t"))
        assert [(i.id, i.ref) for i in await sup.call(WhichChildren())] == [("a", None)]
        assert (await sup.call(RestartChild("a"))).is_alive()
        await sup.call(TerminateChild("a"))
        await sup.call(DeleteChild("a"))
        for message in (TerminateChild("a"), RestartChild("a"), DeleteChild("a")):
            with pytest.raises(NotFound):
                await sup.call(message)

    run(main())


def test_56_which_and_count_answer_in_start_order_during_a_restart_storm() -> None:
    async def main() -> None:
        kernel = Kernel()
        children = [ChildSpec(n, Echo, name=n) for n in "abc"]
        children.append(ChildSpec("s", Supervisor, type="supervisor"))
        sup = await kernel.spawn(Supervisor, children, max_restarts=1000)
        for _ in range(100):
            kernel.ref("b").tell(Boom())
            assert [i.id for i in await sup.call(WhichChildren())] == ["a", "b", "c", "s"]
            counts = await sup.call(CountChildren())
            assert (counts.specs, counts.supervisors, counts.workers) == (4, 1, 3)
            await until(lambda: kernel.registry.whereis("b") is not None)

    run(main())


GOOD = ChildSpec("x", Echo)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (struct_replace(GOOD, id=""), "id"),
        (struct_replace(GOOD, actor_class=int), "actor_class"),
        (struct_replace(GOOD, restart="sometimes"), "restart"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (struct_replace(GOOD, shutdown=-1), "shutdown"),
        (struct_replace(GOOD, shutdown="never"), "shutdown"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (struct_replace(GOOD, type="boss"), "type"),  # pyright: ignore[reportArgumentType] - wrong on purpose
        (struct_replace(GOOD, significant=True), "significant"),
        ("not a spec", "spec"),
    ],
)
def test_57_an_invalid_child_spec_is_refused_before_anything_starts(spec: Any, field: str) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        with pytest.raises(StartError) as caught:
            await kernel.spawn(Supervisor, [ChildSpec("first", Echo, (log,)), spec])
        assert isinstance(caught.value.__cause__, InvalidChildSpecError)
        assert caught.value.__cause__.field == field
        assert log == []
        sup = await kernel.spawn(DynamicSupervisor)
        with pytest.raises(InvalidChildSpecError):
            await sup.call(StartChild(spec))
        assert sup.is_alive()

    run(main())


def test_57_a_wrong_strategy_name_is_refused() -> None:
    async def main() -> None:
        kernel = Kernel()
        with pytest.raises(StartError, match="one_for_one"):
            await kernel.spawn(Supervisor, [], strategy="all_for_one")  # pyright: ignore[reportArgumentType]

    run(main())


@pytest.mark.parametrize(
    ("mode", "restart", "end", "ends_after"),
    [
        ("never", "temporary", "stop", None),
        ("any_significant", "temporary", "stop", 1),
        ("any_significant", "temporary", "crash", 1),
        ("any_significant", "transient", "stop", 1),
        ("any_significant", "transient", "crash", None),
        ("all_significant", "temporary", "stop", 2),
        ("any_significant", "transient", "terminate", None),
    ],
)
def test_58_significant_children_end_their_supervisor(
    mode: Any, restart: Any, end: str, ends_after: int | None
) -> None:
    async def main() -> None:
        kernel = Kernel()
        children = [ChildSpec(n, Echo, name=n, restart=restart, significant=True) for n in "ab"]
        sup = await kernel.spawn(Supervisor, [*children, ChildSpec("plain", Echo)], auto_shutdown=mode)
        for count, name in enumerate("ab", start=1):
            ref = kernel.ref(name)
            if end == "stop":
                ref.stop()
            elif end == "crash":
                ref.tell(Boom())
            else:
                await sup.call(TerminateChild(name))
            await settle()
            assert sup.is_alive() is (ends_after is None or count < ends_after)
            if not sup.is_alive():
                assert isinstance(sup.exit_reason, Shutdown)
                assert kernel.live == 0
                return

    run(main())


def test_59_dynamic_children_start_on_demand_and_stop_together() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        sup = await kernel.spawn(DynamicSupervisor)
        for n in range(5):
            await add(sup, ChildSpec("same id is fine", Echo, (log, n)))
        assert await sup.call(CountChildren()) == ChildCounts(5, 5, 0, 5)
        await sup.stop()
        assert sorted(e[1] for e in log if e[0] == "stop") == [0, 1, 2, 3, 4]

    run(main())


def test_60_max_children_is_enforced_and_a_place_is_free_as_soon_as_a_child_has_ended() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor, max_children=2)
        first = await add(sup, ChildSpec("a", Echo, restart="temporary"))
        await add(sup, ChildSpec("b", Echo))
        with pytest.raises(MaxChildren, match="2"):
            await sup.call(StartChild(ChildSpec("c", Echo)))
        await first.stop()
        await add(sup, ChildSpec("c", Echo))

    run(main())


def test_61_terminate_by_ref_and_temporary_children_leave_nothing_behind() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor)
        ref = await add(sup, ChildSpec("a", Echo))
        await sup.call(TerminateChild(ref))
        assert not ref.is_alive()
        with pytest.raises(NotFound):
            await sup.call(TerminateChild(ref))
        for _ in range(2_000):
            (await add(sup, ChildSpec("t", Echo, restart="temporary"))).stop()
        await settle()
        assert await sup.call(CountChildren()) == ChildCounts(0, 0, 0, 0)
        cell = sup.resolve()
        assert cell is not None
        assert not cell.links
        assert (kernel.live, len(kernel.tasks)) == (1, 0)

    run(main())


def test_62_a_slow_init_holds_up_neither_other_starts_nor_calls() -> None:
    class Slow(Actor):
        def __init__(self, gate: asyncio.Event) -> None:
            super().__init__()
            self.gate = gate

        async def on_start(self) -> None:
            await self.gate.wait()

    async def main() -> None:
        kernel, gate = Kernel(), asyncio.Event()
        sup = await kernel.spawn(DynamicSupervisor)
        slow = asyncio.ensure_future(add(sup, ChildSpec("slow", Slow, (gate,))))
        await settle()
        assert (await add(sup, ChildSpec("quick", Echo))).is_alive()
        assert not slow.done()
        gate.set()
        assert (await slow).is_alive()

    run(main())


def test_63_ten_thousand_crashes_at_once_bring_each_child_back_once() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        sup = await kernel.spawn(DynamicSupervisor, max_restarts=10_000)
        refs = [await add(sup, ChildSpec(str(n), Echo, (log, n))) for n in range(10_000)]
        log.clear()
        for ref in refs:
            ref.tell(Boom())
        await until(lambda: sum(e[0] == "start" for e in log) == 10_000)
        await settle()
        assert sorted(e[1] for e in log if e[0] == "start") == list(range(10_000))
        assert (await sup.call(CountChildren())).active == 10_000
        assert await child(sup, "17") is not refs[17]

    run(main(), timeout_s=60)
