"""BaseExceptions that user code raises, in whichever hook, end that actor and disturb no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from actors.kernel import Actor, ActorDeadError, BlockingActor, ChildSpec, Crashed, ExitReason, Kernel, StartError
from supervisors import Supervisor
from tests.actors_for_tests import Boom, Echo, inside, settle, until
from tests.support import run

ERRORS: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    lambda: SystemExit(3),
    asyncio.CancelledError,
    GeneratorExit,
    lambda: StopIteration("x"),
    lambda: StopAsyncIteration("x"),
    lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), Boom()]),
]


class Plain(Actor):
    """Raises in the hook that is named; plain hooks."""

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__()
        self.where = where
        self.error = error
        self.at("init")

    def at(self, place: str) -> None:
        if self.where == place:
            raise self.error

    def on_start(self) -> Any:
        self.at("start")

    def on_stop(self) -> Any:
        self.at("stop")

    def on_receive(self, message: Any) -> Any:
        self.at("receive")
        if self.where == "owned task":
            self.spawn_task(self.raise_later())
            return None
        if self.where == "deferred":
            return self.defer(self.raise_later())
        if self.where == "timer":
            self.where = "receive"
            self.tell_after(0.0, "again")
        return message

    async def raise_later(self) -> None:
        await asyncio.sleep(0)
        raise self.error


class Waiting(Plain):
    """The same with hooks that wait."""

    async def on_start(self) -> None:
        await asyncio.sleep(0)
        self.at("start")

    async def on_stop(self) -> None:
        await asyncio.sleep(0)
        self.at("stop")

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        return super().on_receive(message)


class Threaded(BlockingActor):
    """The same on a thread."""

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__()
        self.where = where
        self.error = error

    def on_start(self) -> None:
        if self.where == "start":
            raise self.error

    def on_stop(self) -> None:
        if self.where == "stop":
            raise self.error

    def on_receive(self, message: Any) -> Any:
        if self.where == "receive":
            raise self.error
        return message


def carries(reason: ExitReason, error: BaseException) -> bool:
    """A coroutine cannot let StopIteration out: Python makes a RuntimeError of it, which has it as its cause."""
    return isinstance(reason, Crashed) and error in (reason.exception, reason.exception.__cause__)


@pytest.mark.parametrize("new_error", ERRORS)
@pytest.mark.parametrize("kind", [Plain, Waiting, Threaded])
@pytest.mark.parametrize("where", ["init", "start", "receive", "stop", "owned task", "deferred", "timer"])
def test_a_base_exception_in_any_hook_is_that_actors_exit_reason_and_nobody_elses(
    new_error: Callable[[], BaseException], kind: Any, where: str
) -> None:
    if kind is Threaded and where not in ("start", "receive", "stop"):
        return
    error = new_error()

    async def main() -> None:
        kernel = Kernel()
        bystander = await kernel.spawn(Echo)
        if where in ("init", "start"):
            with pytest.raises(StartError) as caught:
                await kernel.spawn(kind, where, error, name="x")
            assert carries(caught.value.reason, error)
        else:
            ref = await kernel.spawn(kind, where, error, name="x")
            if where == "stop":
                await ref.stop()
            elif where in ("receive", "deferred"):
                with pytest.raises((ActorDeadError, RuntimeError, StopAsyncIteration)):
                    await ref.call("go")
            else:
                ref.tell("go")
            assert carries(await ref.wait_exit(), error)
        assert await bystander.call("alive") == "alive"
        assert kernel.registry.whereis("x") is None
        await until(lambda: not kernel.tasks)
        assert kernel.live == 1

    run(main())


@pytest.mark.parametrize("new_error", ERRORS)
@pytest.mark.parametrize("where", ["receive", "stop"])
def test_a_supervisor_restarts_a_child_that_a_base_exception_ended(
    new_error: Callable[[], BaseException], where: str
) -> None:
    async def main() -> None:
        kernel = Kernel()
        error = new_error()
        await kernel.spawn(
            Supervisor, [ChildSpec("x", Plain, (where, error), name="x"), ChildSpec("y", Echo, name="y")]
        )
        kept = kernel.registry.whereis("y")
        old = kernel.registry.whereis("x")
        assert old is not None
        if where == "receive":
            old.tell("go")
        else:
            old.stop()
        await old.wait_exit()
        await until(lambda: kernel.registry.whereis("x") not in (None, old))
        assert kernel.registry.whereis("y") is kept

    run(main())


@pytest.mark.parametrize("new_error", ERRORS)
def test_a_linked_actor_shares_the_reason_of_a_base_exception_and_an_unlinked_one_does_not(
    new_error: Callable[[], BaseException],
) -> None:
    async def main() -> None:
        kernel = Kernel()
        friend, stranger = await kernel.spawn(Echo), await kernel.spawn(Echo)
        ref = await kernel.spawn(Plain, "receive", new_error())
        await inside(friend, lambda actor: actor.link(ref))
        ref.tell("go")
        await settle()
        assert friend.exit_reason == ref.exit_reason
        assert stranger.is_alive()

    run(main())
