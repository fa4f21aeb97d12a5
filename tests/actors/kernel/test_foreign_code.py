"""Foreign code that fails in the hooks beside handlers; pykka's own way of stopping everybody is never used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from typing import Any

import pykka
import pytest

from actors.kernel import (
    Actor,
    ActorDeadError,
    ActorRef,
    BlockingActor,
    CallTimeout,
    ChildRestarted,
    ChildSpec,
    Crashed,
    Kernel,
    ManualClock,
)
from actors.kernel import links as kernel_links
from supervisors import Supervisor, snapshot
from tests.actors_for_tests import Boom, Echo, events_of, inside, post, settle, until
from tests.support import run

ERRORS: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    lambda: SystemExit(3),
    asyncio.CancelledError,
    GeneratorExit,
    Boom,
]


@pytest.fixture(autouse=True)
def nobody_stops_all(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """pykka answers a BaseException in a handler by stopping every actor of the process."""
    calls: list[object] = []

    def noted(*args: Any, **kwargs: Any) -> list[bool]:
        calls.append((args, kwargs))
        return []

    monkeypatch.setattr(pykka.ActorRegistry, "stop_all", noted)
    yield
    assert not calls


class Clumsy(Actor):
    """Fails in the hook that is named, the first time."""

    expected_errors = (ValueError,)

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__()
        self.where = where
        self.error = error

    def at(self, place: str) -> None:
        if self.where == place:
            raise self.error

    def __str__(self) -> str:
        self.at("str")
        return super().__str__()

    def on_start(self) -> None:
        if self.where == "timer":
            self.tell_after(1.0, "due")
        if self.where == "repeating timer":
            self.tell_every(1.0, "due")
        if self.where == "idle timer":
            self.idle_after(1.0, "due")

    def on_passivate(self) -> None:
        self.at("on_passivate")

    def on_receive(self, message: Any) -> Any:
        if message == "due":
            raise self.error
        return message

    def release(self) -> None:
        super().release()
        self.at("release")


def hold(actor: Any) -> Any:
    return actor.defer(asyncio.sleep(3600))


class ClumsyThread(BlockingActor):
    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__()
        self.where = where
        self.error = error

    def on_release(self) -> None:
        if self.where == "on_release":
            raise self.error

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise self.error
        return message


@pytest.mark.parametrize("new_error", ERRORS)
@pytest.mark.parametrize("where", ["timer", "repeating timer", "idle timer"])
def test_an_error_over_a_timers_message_is_that_actors_crash_only(
    new_error: Callable[[], BaseException], where: str
) -> None:
    async def main() -> None:
        clock, error = ManualClock(), new_error()
        kernel = Kernel(clock=clock)
        bystander = await kernel.spawn(Echo)
        ref = await kernel.spawn(Clumsy, where, error)
        clock.advance(1.0)
        await settle()
        assert ref.exit_reason == Crashed(error)
        assert await bystander.call("alive") == "alive"

    run(main())


@pytest.mark.parametrize("new_error", ERRORS)
def test_an_error_while_falling_asleep_is_that_actors_crash_only(new_error: Callable[[], BaseException]) -> None:
    async def main() -> None:
        clock, error = ManualClock(), new_error()
        kernel = Kernel(clock=clock)
        bystander = await kernel.spawn(Echo)
        ref = await kernel.spawn(Clumsy, "on_passivate", error, passivate_after_s=1.0)
        clock.advance(1.0)
        await settle()
        assert ref.exit_reason == Crashed(error)
        assert await bystander.call("alive") == "alive"

    run(main())


@pytest.mark.parametrize("new_error", ERRORS)
@pytest.mark.parametrize("place", ["release", "on_release", "str"])
def test_an_error_where_the_actor_is_dead_or_described_disturbs_nobody(
    new_error: Callable[[], BaseException], place: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        kernel = Kernel()
        kind = ClumsyThread if place == "on_release" else Clumsy
        top = await kernel.spawn(
            Supervisor, [ChildSpec("x", kind, (place, new_error()), name="x"), ChildSpec("y", Echo)]
        )
        assert snapshot(kernel)[0]["name"] == str(top)
        await kernel.ref("x").stop()
        await until(lambda: kernel.registry.whereis("x") is not None)
        assert await kernel.ref("x").call("back") == "back"
        assert top.is_alive()
        await kernel.shutdown()
        assert kernel.live == 0
        await until(lambda: not pykka.ActorRegistry.get_all(), passes=1_000_000)

    run(main())
    assert place == "str" or "could not give back what it held" in caplog.text


@pytest.mark.parametrize("new_error", ERRORS)
def test_an_error_on_a_thread_ends_its_actor_and_not_the_threads_of_others(
    new_error: Callable[[], BaseException],
) -> None:
    async def main() -> None:
        kernel, error = Kernel(), new_error()
        bystander = await kernel.spawn(ClumsyThread, "", error)
        ref = await kernel.spawn(ClumsyThread, "", error)
        ref.tell("fail")
        assert await ref.wait_exit() == Crashed(error)
        assert await bystander.call("alive") == "alive"
        await kernel.shutdown()

    run(main())


@pytest.mark.parametrize("new_error", ERRORS)
def test_an_error_in_a_subscriber_is_nobodys_exit_reason_and_spoils_no_crash_report(
    new_error: Callable[[], BaseException],
) -> None:
    async def main() -> None:
        kernel, heard, error = Kernel(), list[str](), new_error()

        def clumsy(_event: object) -> None:
            raise error

        kernel.events.subscribe(clumsy)
        kernel.events.subscribe(lambda event: heard.append(type(event).__name__))
        one = await kernel.spawn(Echo)
        boom = Boom()
        one.tell(boom)
        assert await one.wait_exit() == Crashed(boom)
        assert heard == ["ActorStarted", "CrashReported", "ActorExited"]
        assert kernel.crashes.pending == 0

    run(main())


def test_callers_from_a_foreign_event_loop_are_answered_and_hear_of_crashes_and_time() -> None:
    async def main() -> None:
        kernel = Kernel()
        ref = await kernel.spawn(Echo)
        outcome: list[Any] = []

        async def abroad() -> None:
            outcome.append(await ref.call("hello"))
            outcome.append(await asyncio.gather(*(ref.call(n) for n in range(100))))
            with pytest.raises(CallTimeout):
                await ref.call(hold, timeout_s=0.01)
            waiting = [asyncio.ensure_future(ref.call(hold)) for _ in range(50)]
            await ref.call("all of them are waiting")
            ref.tell(Boom("abroad"))
            for ended in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(ended, ActorDeadError)
                assert "abroad" in str(ended.reason)
            with pytest.raises(ActorDeadError):
                await ref.call("too late")
            outcome.append("done")

        thread = threading.Thread(target=lambda: asyncio.run(abroad()))
        thread.start()
        await until(lambda: not thread.is_alive(), passes=10_000_000)
        thread.join()
        assert outcome == ["hello", list(range(100)), "done"]

    run(main(), timeout_s=30)


def test_a_thousand_blocking_callers_of_a_worker_that_crashes_time_and_again_all_come_back() -> None:
    async def main() -> None:
        kernel = Kernel()
        await kernel.spawn(Supervisor, [ChildSpec("w", Echo, name="w")], max_restarts=10_000)
        worker = kernel.ref("w")
        answers: list[str] = []
        restarted = events_of(kernel, ChildRestarted)

        def ask(number: int) -> None:
            try:
                reply = worker.ask(Boom() if number % 10 == 0 else number, timeout=20)
                answers.append("reply" if reply == number else f"another's reply: {reply!r}")
            except (Boom, ActorDeadError):
                answers.append("crash")
            except BaseException as error:
                answers.append(f"{type(error).__name__}: {error}")

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(1_000)]

        def start_all() -> None:
            for thread in threads:
                thread.start()

        starter = threading.Thread(target=start_all)  # beside the loop, so that asks come while it restarts the worker
        starter.start()
        await until(lambda: len(answers) == len(threads), passes=10_000_000)
        for thread in (starter, *threads):
            thread.join()
        assert set(answers) == {"reply", "crash"}
        assert len(restarted) > 1
        await until(lambda: worker.resolve() is not None)  # the last one to crash may be on its way back
        assert await worker.call("still here") == "still here"

    run(main(), timeout_s=60)


def test_a_ring_of_ten_thousand_collapses_with_one_signal_a_link_and_one_down_a_monitor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals: dict[tuple[int, int], int] = {}
    deliver = kernel_links.signal_exit

    def counted(receiver: Any, sender: Any, reason: Any) -> None:
        pair = (min(receiver.id, sender.id), max(receiver.id, sender.id))
        signals[pair] = signals.get(pair, 0) + 1
        deliver(receiver, sender, reason)

    monkeypatch.setattr(kernel_links, "signal_exit", counted)

    async def main() -> None:
        kernel, size = Kernel(), 10_000
        ring: list[ActorRef[Any]] = [await kernel.spawn(Echo) for _ in range(size)]
        heard: list[Any] = []
        watcher = await kernel.spawn(Echo, heard)
        await inside(watcher, lambda actor: [actor.monitor(ref) for ref in ring] and None)
        for one, other in zip(ring, [*ring[1:], ring[0]], strict=True):
            post(one, lambda actor, other=other: actor.link(other))
        await settle(200)
        error = Boom()
        ring[0].tell(error)
        await until(lambda: kernel.live == 1)
        await settle(1_000)
        downs = [down for down in heard if not isinstance(down, tuple)]
        assert len(downs) == size
        assert {id(down.ref) for down in downs} == {id(ref) for ref in ring}
        assert {down.reason for down in downs} == {Crashed(error)}
        assert len(signals) == size
        assert set(signals.values()) == {1}
        assert kernel.crashes.pending == 0

    run(main(), timeout_s=30)


class Prickly:
    """A value that answers each question about it with an error."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"nobody asks for my {name}")


def test_a_value_that_raises_when_it_is_looked_at_is_answered_like_any_other() -> None:
    class Giver(Actor):
        def on_start(self) -> Any:
            return Prickly()

        def on_receive(self, message: Any) -> Any:
            return Prickly()

    async def main() -> None:
        kernel = Kernel()
        giver = await kernel.spawn(Giver)
        assert type(await giver.call("give")) is Prickly
        assert giver.is_alive()
        await kernel.shutdown()

    run(main())
