"""Links, monitors and names at their edges: who hears what, how often, and who does not."""

from __future__ import annotations

from typing import Any

import pytest

from actors.kernel import (
    Actor,
    ActorRef,
    Crashed,
    Down,
    Exit,
    ExitReason,
    Kernel,
    Killed,
    MonitorRef,
    NoProcess,
    Normal,
    Shutdown,
)
from actors.kernel.introspection import inspect
from tests.actors_for_tests import Boom, Echo, Trapper, inside, new_log, post, settle
from tests.support import run

BOOM = Crashed(Boom())


def heard(log: list[Any]) -> list[Any]:
    """The system messages in a log, as (kind, reason)."""
    return [(type(m).__name__, m.reason) for m in log if isinstance(m, Exit | Down)]


async def monitored(watcher: ActorRef[Any], target: ActorRef[Any]) -> MonitorRef:
    found: list[MonitorRef] = []
    await inside(watcher, lambda actor: found.append(actor.monitor(target)))
    return found[0]


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Shutdown("term"), Killed(), BOOM, NoProcess()])
@pytest.mark.parametrize("traps", [False, True])
def test_what_a_link_does_with_each_reason(reason: ExitReason, traps: bool) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref = await kernel.spawn(Trapper if traps else Echo, log)
        other = await kernel.spawn(Echo)
        await inside(ref, lambda actor: actor.link(other))
        other.exit(reason)
        await settle()
        assert other.exit_reason == reason
        if traps:
            assert (heard(log), ref.is_alive()) == ([("Exit", reason)], True)
        elif reason == Normal():
            assert (heard(log), ref.is_alive()) == ([], True)
        else:
            assert (heard(log), ref.exit_reason) == ([], reason)

    run(main())


@pytest.mark.parametrize("traps", [False, True])
def test_a_killed_parent_takes_its_linked_child_along_and_one_that_traps_exits_ends_in_order(traps: bool) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        parent = await kernel.spawn(Echo)
        ref = await kernel.spawn(Trapper if traps else Echo, log, link_to=parent, parent=parent)
        parent.kill()
        await settle()
        assert ref.exit_reason == Killed()
        assert [m[0] for m in log] == (["start", "stop"] if traps else ["start"])

    run(main())


def test_linking_twice_is_linking_once_from_either_side_and_one_unlink_ends_it() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        one, other = await kernel.spawn(Trapper, log), await kernel.spawn(Trapper)
        for a, b in ((one, other), (other, one), (one, other)):
            await inside(a, lambda actor, b=b: actor.link(b))
        await inside(other, lambda actor: actor.unlink(one))
        await inside(other, lambda actor: actor.unlink(one))
        other.kill()
        await settle()
        assert heard(log) == []
        third = await kernel.spawn(Echo)
        for _ in range(2):
            await inside(one, lambda actor: actor.link(third))
        third.kill()
        await settle()
        assert heard(log) == [("Exit", Killed())]

    run(main())


@pytest.mark.parametrize("who", ["dead", "unknown name"])
@pytest.mark.parametrize("traps", [False, True])
def test_linking_to_nobody_is_an_exit_at_once(who: str, traps: bool) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        gone = await kernel.spawn(Echo)
        gone.kill()
        target = gone if who == "dead" else kernel.ref("nobody")
        ref = await kernel.spawn(Trapper if traps else Echo, log)
        post(ref, lambda actor: actor.link(target))
        await settle()
        if traps:
            assert (heard(log), ref.is_alive()) == ([("Exit", NoProcess())], True)
        else:
            assert ref.exit_reason == NoProcess()

    run(main())


def test_an_unlink_withdraws_a_signal_that_is_queued_already_and_no_other() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref = await kernel.spawn(Trapper, log)
        first, second = await kernel.spawn(Echo), await kernel.spawn(Echo)

        def cross(actor: Actor) -> None:
            actor.link(first)
            actor.link(second)
            first.kill()
            second.kill()
            actor.unlink(first)

        await inside(ref, cross)
        await settle()
        assert [m.sender for m in log if isinstance(m, Exit)] == [second]

    run(main())


def test_an_actor_linked_to_itself_is_linked_to_nobody() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        await inside(ref, lambda actor: actor.link(actor.ref))
        await ref.stop()
        assert ref.exit_reason == Normal()

    run(main())


def test_a_ring_of_links_collapses_once_and_each_hears_the_first_reason() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ring = [await kernel.spawn(Echo, log, str(n)) for n in range(100)]
        for place, ref in enumerate(ring):
            await inside(ref, lambda actor, to=ring[(place + 1) % 100]: actor.link(to))
        log.clear()
        ring[0].tell(BOOM.exception)
        await settle()
        assert {ref.exit_reason for ref in ring} == {BOOM}
        assert sorted(m[1] for m in log) == sorted(str(n) for n in range(100))

    run(main())


def test_those_who_are_linked_hear_of_an_end_in_the_order_in_which_they_were_linked() -> None:
    async def main() -> list[str]:
        kernel, log = Kernel(), new_log()
        hub = await kernel.spawn(Echo)
        others = [await kernel.spawn(Echo, log, str(number)) for number in range(100)]
        for other in others[1::2] + others[::2]:
            await inside(hub, lambda actor, to=other: actor.link(to))
        log.clear()
        hub.tell(BOOM.exception)
        await settle()
        return [m[1] for m in log]

    told = [str(number) for number in range(100)]
    assert run(main()) == told[1::2] + told[::2]


@pytest.mark.parametrize("who", ["dead", "unknown name"])
def test_each_monitor_of_nobody_brings_its_own_down_at_once(who: str) -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        gone = await kernel.spawn(Echo)
        gone.kill()
        target = gone if who == "dead" else kernel.ref("nobody")
        ref = await kernel.spawn(Echo, log)
        monitors = [await monitored(ref, target) for _ in range(2)]
        await settle()
        assert heard(log) == [("Down", NoProcess())] * 2
        assert [m.monitor for m in log if isinstance(m, Down)] == monitors

    run(main())


def test_a_monitor_set_while_its_target_is_ending_brings_the_true_reason() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref, target = await kernel.spawn(Echo, log), await kernel.spawn(Echo)

        class Watched(Echo):
            async def on_stop(self) -> None:  # type: ignore[override]
                post(ref, lambda actor: actor.monitor(target) and None)
                await settle(3)

        target = await kernel.spawn(Watched)
        target.exit(Shutdown("slowly"))
        await settle()
        assert heard(log) == [("Down", Shutdown("slowly"))]

    run(main())


def test_demonitor_ends_one_of_two_and_flushes_only_its_own_down() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref, target = await kernel.spawn(Echo, log), await kernel.spawn(Echo)
        kept: list[MonitorRef] = []

        def cross(actor: Actor) -> None:
            kept.extend(actor.monitor(target) for _ in range(3))
            actor.demonitor(kept[0])
            target.kill()
            actor.demonitor(kept[1])
            actor.demonitor(kept[1])

        await inside(ref, cross)
        await settle()
        assert [m.monitor for m in log if isinstance(m, Down)] == [kept[2]]

    run(main())


def test_a_dead_watcher_is_forgotten_by_what_it_watched() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref, target = await kernel.spawn(Echo), await kernel.spawn(Echo)
        await monitored(ref, target)
        ref.kill()
        cell = target.resolve()
        assert cell is not None
        assert cell.watched_by == {}

    run(main())


def test_a_monitor_by_name_watches_the_holder_of_that_moment_and_not_the_next_one() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        ref = await kernel.spawn(Echo, log)
        first = await kernel.spawn(Echo, name="x")
        await monitored(ref, kernel.ref("x"))
        first.kill()
        second = await kernel.spawn(Echo, name="x")
        second.kill()
        await settle()
        assert [(m.ref, m.reason) for m in log if isinstance(m, Down)] == [(first, Killed())]

    run(main())


def test_a_name_is_free_for_the_one_who_hears_of_its_holders_end() -> None:
    async def main() -> None:
        kernel, got = Kernel(), new_log()
        first = await kernel.spawn(Echo, name="x")

        class Heir(Trapper):
            async def on_receive(self, message: Any) -> Any:
                if isinstance(message, Down | Exit):
                    got.append((await self.kernel.spawn(Echo, name="x")).name)
                    return None
                return super().on_receive(message)

        heir = await kernel.spawn(Heir)
        await inside(heir, lambda actor: actor.link(first))
        first.kill()
        await settle()
        assert got == ["x"]

    run(main())


@pytest.mark.parametrize("links", [1, 2, 3])
def test_a_link_counts_once_on_both_sides_however_many_there_are(links: int) -> None:
    async def main() -> None:
        kernel = Kernel()
        hub = await kernel.spawn(Echo)
        others = [await kernel.spawn(Echo) for _ in range(links)]
        for other in (*others, *others):
            await inside(hub, lambda actor, other=other: actor.link(other))
        assert inspect(hub).links.first == tuple(map(str, others))
        assert [inspect(other).links.first for other in others] == [(str(hub),)] * links
        await inside(hub, lambda actor: actor.unlink(others[0]))
        assert inspect(hub).links.first == tuple(map(str, others[1:]))
        assert inspect(others[0]).links.count == 0
        hub.kill()
        await settle()
        assert [other.is_alive() for other in others] == [True] + [False] * (links - 1)
        await kernel.shutdown()

    run(main())
