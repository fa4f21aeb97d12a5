"""Calls to a restarting world and the whole tree: numbers 64, 66, 67, 68 and 70 of the list of OTP behaviours."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

from actors.kernel import (
    ActorDeadError,
    BlockingActor,
    ChildSpec,
    DeadlockError,
    Kernel,
    Killed,
    NameTakenError,
    StartChild,
)
from supervisors import DynamicSupervisor, Supervisor, snapshot
from tests.actors_for_tests import Boom, Echo, settle, until
from tests.support import run


def test_64_a_client_of_a_worker_crashed_a_thousand_times_gets_a_reply_or_a_prompt_error_each_time() -> None:
    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], max_restarts=1_000_000)
        by_name = kernel.ref("w")
        replies = errors = number = 0
        crashes = 0
        while crashes < 1_000:
            number += 1
            try:
                if number % 3 == 0:
                    crashes += 1
                    by_name.tell(Boom())
                assert await by_name.call(("question", number)) == ("question", number)
                replies += 1
            except ActorDeadError:
                errors += 1
                await asyncio.sleep(0)
        assert replies > 500
        assert errors > 500

    run(main(), timeout_s=30)


def test_66_a_supervisors_own_crash_restarts_it_and_leaks_no_child() -> None:
    class Buggy(Supervisor):
        async def on_receive(self, message: Any) -> Any:
            if message == "bug":
                raise Boom
            return await super().on_receive(message)

    async def main() -> None:
        kernel = Kernel()
        inner = ChildSpec("inner", Buggy, ([ChildSpec("w", Echo, name="w")],), name="inner", type="supervisor")
        await kernel.spawn(Supervisor, [inner])
        for _ in range(3):
            old = kernel.registry.whereis("w")
            assert old is not None
            kernel.ref("inner").tell("bug")
            await old.wait_exit()
            await until(lambda: kernel.registry.whereis("w") is not None)
            assert kernel.live == 3

    run(main())


def test_67_every_task_and_thread_belongs_to_an_actor_or_to_the_loop() -> None:
    class Worker(BlockingActor):
        def on_receive(self, message: Any) -> Any:
            return threading.current_thread().name

    async def main() -> None:
        before = set(threading.enumerate())
        kernel = Kernel()
        sup = await kernel.spawn(DynamicSupervisor)
        worker = await sup.call(StartChild(ChildSpec("t", Worker)))
        gated = await sup.call(StartChild(ChildSpec("e", Echo)))
        waiting = asyncio.ensure_future(gated.call(_forever))
        name = await worker.call("who runs this?")
        await settle()
        strangers = asyncio.all_tasks() - kernel.tasks - {asyncio.current_task(), waiting}
        assert not {t for t in strangers if t is not None and "bounded" not in repr(t)}
        assert {t.name for t in set(threading.enumerate()) - before} == {name}
        waiting.cancel()
        await kernel.shutdown()
        await until(lambda: set(threading.enumerate()) <= before, passes=200_000)

    run(main())


def _descriptors() -> int:
    place = Path("/proc/self/fd")
    return len(list(place.iterdir())) if place.exists() else 0


def _forever(actor: Any) -> Any:
    return actor.defer(asyncio.sleep(3600))


def test_68_starting_and_stopping_a_tree_a_hundred_times_leaks_nothing() -> None:
    async def main() -> None:
        kernel = Kernel()

        async def once() -> None:
            inner = ChildSpec("dyn", DynamicSupervisor, name="dyn", type="supervisor")
            top = await kernel.spawn(Supervisor, [inner, ChildSpec("w", Echo, name="w")], name="top")
            for n in range(20):
                await kernel.ref("dyn").call(StartChild(ChildSpec(str(n), Echo)))
            await top.stop()

        await once()
        gc.collect()
        descriptors = _descriptors()
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()
        for _ in range(100):
            await once()
        assert (kernel.live, kernel.registry.names(), kernel.tasks) == (0, (), frozenset())
        assert (len(asyncio.all_tasks()), threading.active_count()) == (tasks, threads)
        if descriptors:
            assert _descriptors() == descriptors

    run(main(), timeout_s=30)


def test_70_the_tree_can_be_asked_for_a_snapshot() -> None:
    async def main() -> None:
        kernel = Kernel()
        sup = await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], name="top")
        kernel.ref("w").tell(Boom())
        await settle()
        (top,) = snapshot(kernel)
        assert top["name"] == "top"
        (worker,) = top["children"]
        assert worker["restarts"] == 1
        assert set(worker) == {"name", "id", "class", "status", "restarts", "mailbox", "uptime_s", "children"}
        await sup.stop()
        assert snapshot(kernel) == []

    run(main())


def test_a_blocking_actor_keeps_the_loop_free_and_a_killed_one_is_abandoned_at_once() -> None:
    release = threading.Event()

    class Blocker(BlockingActor):
        def on_receive(self, message: Any) -> Any:
            if message == "block":
                release.wait(10)
            return message

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Blocker)
        assert await ref.call("quick") == "quick"
        blocked = asyncio.ensure_future(ref.call("block"))
        other = await kernel.spawn(Echo)
        assert await other.call("the loop is free") == "the loop is free"
        ref.kill()
        assert await ref.wait_exit() == Killed()
        try:
            await blocked
        except ActorDeadError as error:
            assert error.reason == Killed()
        release.set()

    run(main())


def test_other_threads_may_ask_tell_stop_and_start_and_the_loops_own_thread_may_not_block() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)

        def from_a_thread() -> tuple[Any, Any, Any]:
            ref.tell("hello")
            started = Echo.start()
            answer = (ref.ask(1), ref.ask(2, block=False).get(timeout=5), started.ask(3))
            started.stop()
            return answer

        assert await asyncio.to_thread(from_a_thread) == (1, 2, 3)
        assert await ref.ask(4, block=False) == 4
        try:
            ref.ask(5)
        except DeadlockError:
            pass
        else:
            raise AssertionError("a blocking ask on the loop's thread must be refused")

        def boom_elsewhere() -> str:
            try:
                ref.ask(Boom())
            except Boom:
                return "Boom"
            return "nothing"

        assert await asyncio.to_thread(boom_elsewhere) == "Boom"

    run(main())


def test_a_proxy_reaches_methods_and_attributes_as_in_pykka() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo, [], "label")
        assert await asyncio.to_thread(lambda: ref.proxy().label.get(timeout=5)) == "label"

    run(main())


def test_a_thousand_blocking_callers_all_hear_of_the_callees_crash() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        ref.tell(Boom())
        futures = [ref.ask(n, block=False) for n in range(1_000)]

        def wait_all() -> int:
            failed = 0
            for future in futures:
                try:
                    future.get(timeout=10)
                except ActorDeadError:
                    failed += 1
            return failed

        assert await asyncio.to_thread(wait_all) == 1_000

    run(main())


def test_a_name_taken_under_supervision_fails_the_start_and_names_the_holder() -> None:
    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Echo, name="desk")
        sup = await kernel.spawn(DynamicSupervisor)
        try:
            await sup.call(StartChild(ChildSpec("x", Echo, name="desk")))
        except NameTakenError as error:
            assert error.name == "desk"
        else:
            raise AssertionError("two actors hold one name")
        assert sup.is_alive()

    run(main())
