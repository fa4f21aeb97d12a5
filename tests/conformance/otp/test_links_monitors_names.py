"""Links, monitors, names: numbers 23 to 30 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from actors.kernel import (
    ActorExited,
    Crashed,
    Down,
    Exit,
    Kernel,
    Killed,
    NameTakenError,
    NoProcess,
    Normal,
)
from tests.actors_for_tests import Boom, Echo, Trapper, inside, new_log, settle, until
from tests.support import run


def test_23_an_abnormal_exit_ends_the_linked_actor_with_the_same_reason_and_a_normal_one_does_not() -> None:
    async def main() -> None:
        kernel, boom = Kernel(), Boom()
        a, b, c = [await kernel.spawn(Echo) for _ in range(3)]
        await inside(a, lambda actor: actor.link(b))
        await inside(a, lambda actor: actor.link(c))
        await c.stop()
        await settle()
        assert a.is_alive()
        b.tell(boom)
        await settle()
        assert a.exit_reason == Crashed(boom)

    run(main())


def test_24_trapping_exits_turns_the_signal_into_a_message_but_kill_still_kills() -> None:
    async def main() -> None:
        kernel, log, boom = Kernel(), new_log(), Boom()
        trapper = await kernel.spawn(Trapper, log)
        crashing, stopping = await kernel.spawn(Echo), await kernel.spawn(Echo)
        for ref in (crashing, stopping):
            await inside(trapper, lambda actor, r=ref: actor.link(r))
        crashing.tell(boom)
        stopping.stop()
        await settle()
        assert log[1:] == [Exit(crashing, Crashed(boom)), Exit(stopping, Normal())]
        trapper.kill()
        await settle()
        assert trapper.exit_reason == Killed()

    run(main())


def test_25_linking_a_dead_actor_exits_at_once_and_unlinked_actors_hear_nothing() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        dead = await kernel.spawn(Echo)
        await dead.stop()
        trapper = await kernel.spawn(Trapper, log)
        await inside(trapper, lambda actor: actor.link(dead))
        await settle()
        assert log[1:] == [Exit(dead, NoProcess())]
        other = await kernel.spawn(Echo)
        for _ in range(2):
            await inside(trapper, lambda actor: actor.link(other))

        def kill_and_unlink(actor: Any) -> None:
            other.kill()  # the signal is in the mailbox before the unlink
            actor.unlink(other)

        await inside(trapper, kill_and_unlink)
        await settle()
        assert len(log) == 2

    run(main())


def test_26_each_monitor_brings_exactly_one_down() -> None:
    async def main() -> None:
        kernel, log = Kernel(), new_log()
        watcher, target = await kernel.spawn(Echo, log), await kernel.spawn(Echo)
        monitors: list[Any] = []
        for _ in range(3):
            await inside(watcher, lambda actor: monitors.append(actor.monitor(target)))
        await inside(watcher, lambda actor: actor.demonitor(monitors[2]))

        def kill_and_flush(actor: Any) -> None:
            target.kill()
            actor.demonitor(monitors[1], flush=True)

        await inside(watcher, kill_and_flush)
        await settle()
        assert log[1:] == [Down(monitors[0], target, Killed())]
        late: list[Any] = []
        await inside(watcher, lambda actor: late.append(actor.monitor(target)))
        await inside(watcher, lambda actor: late.append(actor.monitor(kernel.ref("nobody"))))
        await settle()
        assert [entry.reason for entry in log[2:]] == [NoProcess(), NoProcess()]

    run(main())


def test_27_a_chain_of_ten_thousand_links_collapses_without_recursion() -> None:
    async def main() -> None:
        kernel = Kernel()
        refs = [await kernel.spawn(Echo) for _ in range(10_000)]
        for left, right in itertools.pairwise(refs):
            cell, other = left.resolve(), right.resolve()
            assert cell is not None and cell.actor is not None and other is not None
            cell.actor.link(right)
        refs[0].tell(Boom())
        await until(lambda: kernel.live == 0)

    run(main(), timeout_s=30)


def test_28_a_taken_name_names_its_holder_and_is_free_before_monitors_hear_of_the_end() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo, name="desk")
        with pytest.raises(NameTakenError, match="Echo#"):
            await kernel.spawn(Echo, name="desk")
        assert kernel.registry.whereis("desk") is ref
        seen: list[Any] = []

        def look(event: object) -> None:
            if isinstance(event, ActorExited):
                seen.append(kernel.registry.whereis("desk"))

        kernel.events.subscribe(look)
        ref.kill()
        await settle()
        assert seen == [None]

    run(main())


def test_29_a_ref_by_name_reaches_the_new_incarnation_and_a_ref_by_identity_never_does() -> None:
    async def main() -> None:
        kernel = Kernel()
        first = await kernel.spawn(Echo, name="desk")
        by_name = kernel.ref("desk")
        await first.stop()
        assert not by_name.is_alive()
        await kernel.spawn(Echo, name="desk")
        assert await by_name.call("hello") == "hello"
        assert not first.is_alive()

    run(main())


def test_30_dead_names_are_not_found_and_can_be_taken_at_once() -> None:
    async def main() -> None:
        kernel = Kernel()
        for _ in range(50):
            ref = await kernel.spawn(Echo, name="again")
            ref.kill()
            assert kernel.registry.whereis("again") is None
        assert kernel.registry.names() == ()
        await asyncio.sleep(0)

    run(main())
