"""`expected_errors`: answers, not crashes, whichever way the message came. And what is a crash all the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.kernel import Crashed, ErrorUnheard, Exit, Kernel, ManualClock, NotFound, TerminateChild
from supervisors import DynamicSupervisor, Supervisor
from tests.actors_for_tests import Echo, Refusal, Trapper, events_of, inside, post, settle
from tests.support import run


class Slow(Echo):
    """Raises after a wait."""

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        return super().on_receive(message)


async def refuse() -> None:
    await asyncio.sleep(0)
    raise Refusal("deferred")


@pytest.mark.parametrize("actor_class", [Echo, Slow])
def test_an_expected_error_of_a_told_message_is_published_and_the_actor_lives(actor_class: type[Echo]) -> None:
    async def main() -> None:
        kernel = Kernel()
        unheard = events_of(kernel, ErrorUnheard)
        ref = await kernel.spawn(actor_class)
        refusal = Refusal("no")
        ref.tell(refusal)
        await settle()
        assert ref.is_alive()
        assert [(e.ref, e.error) for e in unheard] == [(ref, refusal)]
        with pytest.raises(Refusal):
            await ref.call(refusal)
        assert len(unheard) == 1  # the caller heard it

    run(main())


def test_an_expected_error_of_told_and_deferred_work_is_published_too() -> None:
    async def main() -> None:
        kernel = Kernel()
        unheard = events_of(kernel, ErrorUnheard)
        ref = await kernel.spawn(Echo)
        post(ref, lambda actor: actor.defer(refuse()))
        await settle()
        assert ref.is_alive()
        assert [str(e.error) for e in unheard] == ["deferred"]
        with pytest.raises(Refusal):
            await inside(ref, lambda actor: actor.defer(refuse()))
        assert (ref.is_alive(), len(unheard)) == (True, 1)

    run(main())


@pytest.mark.parametrize("source", ["timer", "owned task", "exit"])
def test_an_expected_error_that_nobody_asked_for_is_a_crash(source: str) -> None:
    class Touchy(Trapper):
        def on_receive(self, message: Any) -> Any:
            if isinstance(message, Exit):
                raise Refusal("who asked?")
            return super().on_receive(message)

    async def main() -> None:
        clock = ManualClock()
        kernel = Kernel(clock=clock)
        ref = await kernel.spawn(Touchy)
        if source == "timer":
            await inside(ref, lambda actor: actor.tell_after(1.0, Refusal("who asked?")) and None)
            clock.advance(1.0)
        elif source == "owned task":
            await inside(ref, lambda actor: actor.spawn_task(refuse()) and None)
        else:
            other = await kernel.spawn(Echo)
            await inside(ref, lambda actor: actor.link(other))
            other.kill()
        reason = await ref.wait_exit()
        assert isinstance(reason, Crashed)
        assert isinstance(reason.exception, Refusal)

    run(main())


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_a_careless_tell_does_not_bring_a_supervisor_down(kind: Any) -> None:
    async def main() -> None:
        kernel = Kernel()
        unheard = events_of(kernel, ErrorUnheard)
        sup = await kernel.spawn(kind)
        sup.tell(TerminateChild("nobody"))
        sup.tell("what is this")
        await settle()
        assert sup.is_alive()
        assert [type(e.error) for e in unheard] == [NotFound]

    run(main())
