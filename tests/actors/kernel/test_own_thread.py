"""The thread of an actor: what is given to it, and what comes back."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

from actors.kernel import Actor, CallTimedOut, CallTimeout, Crashed, Kernel, ManualClock, OwnThread
from tests.actors_for_tests import until
from tests.support import run


class Worker(Actor):
    """Gives its thread what it is told to."""

    def on_start(self) -> None:
        self.own_thread = OwnThread(self._cell)
        self.heard: list[tuple[Any, BaseException | None]] = []

    def on_receive(self, message: Any) -> None:
        code, timeout_s = message
        assert self.own_thread is not None
        self.own_thread.begin(code, self._take, timeout_s)

    def _take(self, value: Any, error: BaseException | None) -> None:
        if value == "crash":
            raise ValueError("could not take it")
        self.heard.append((value, error))

    def release(self) -> None:
        if self.own_thread is not None:
            self.own_thread.let_go()


def begun(kernel: Kernel, ref: Any) -> Worker:
    actor = ref.resolve().actor
    assert isinstance(actor, Worker)
    return actor


def test_what_it_is_given_runs_in_order_and_is_heard_of_on_the_loop() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Worker)
        worker, threads = begun(kernel, ref), list[int]()

        def fail() -> None:
            raise KeyError("k")

        for code in (lambda: threads.append(threading.get_ident()) or 1, fail, lambda: 3):
            ref.tell((code, None))
        await until(lambda: len(worker.heard) == 3)
        assert [value for value, _ in worker.heard] == [1, None, 3]
        assert [type(error) for _, error in worker.heard] == [type(None), KeyError, type(None)]
        assert threads[0] not in (threading.get_ident(), 0)
        await kernel.shutdown()

    run(main())


def test_what_takes_too_long_is_told_of_once_and_what_it_brings_is_dropped() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Worker)
        worker, gate = begun(kernel, ref), threading.Event()
        ref.tell((lambda: gate.wait(10), 0.01))
        await until(lambda: len(worker.heard) == 1)
        assert isinstance(worker.heard[0][1], CallTimeout)
        gate.set()
        ref.tell((lambda: "next", 5.0))
        await until(lambda: len(worker.heard) == 2)
        assert worker.heard[1] == ("next", None)
        assert kernel.deadlines.queue(5.0)._waiting == {}  # pyright: ignore[reportPrivateUsage]
        await kernel.shutdown()

    run(main())


def test_what_fails_in_the_hearing_is_the_actors_crash() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Worker)
        ref.tell((lambda: "crash", None))
        reason = await ref.wait_exit()
        assert isinstance(reason, Crashed)
        assert isinstance(reason.exception, ValueError)
        await kernel.shutdown()

    run(main())


def test_an_actor_that_has_ended_hears_nothing() -> None:
    async def main() -> None:
        clock = ManualClock()
        kernel, late = Kernel(clock=clock), list[CallTimedOut]()
        kernel.events.subscribe(lambda event: late.append(event) if isinstance(event, CallTimedOut) else None)
        ref = await kernel.spawn(Worker)
        worker, gate, over = begun(kernel, ref), threading.Event(), threading.Event()
        ref.tell((lambda: gate.wait(10) and over.set(), 5.0))
        await until(lambda: worker.own_thread is not None and worker.own_thread.ident is not None)
        ref.kill()
        await ref.wait_exit()
        clock.advance(6.0)
        assert late == [], "nobody waits any more"
        gate.set()
        await until(over.is_set)
        hands = worker.own_thread._hands  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
        await until(lambda: not hands.is_alive())
        await asyncio.sleep(0)  # what it has brought until then is heard of now
        assert worker.heard == []
        await kernel.shutdown()

    run(main())


def test_the_thread_keeps_nothing_of_what_it_has_done() -> None:
    class Large:
        pass

    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Worker)
        worker, large = begun(kernel, ref), Large()
        gone = weakref.ref(large)
        ref.tell((lambda kept=large: (kept, 1)[1], 5.0))
        del large
        await until(lambda: len(worker.heard) == 1)
        gc.collect()
        await until(lambda: gone() is None)
        await kernel.shutdown()

    run(main())
