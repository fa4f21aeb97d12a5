"""A file that only its actor's own thread ever touches, whatever becomes of the actor and of who asked for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from actors.kernel import Actor, ActorDeadError, ActorRef, Crashed, Kernel, Killed, OwnFile
from tests.actors_for_tests import Boom, Refusal, settle
from tests.support import run


class Watched:
    """Says when it is used by two at the same time, and by which threads. A use of `waiting` waits for the gate."""

    def __init__(self) -> None:
        self.used = threading.Event()
        self.gate = threading.Event()
        self.at_it = 0
        self.log: list[str] = []
        self.threads: set[threading.Thread] = set()

    def waiting(self, what: str = "used") -> str:
        return self.note(what, wait=True)

    def close(self) -> None:
        self.note("closed")

    def note(self, what: str, *, wait: bool = False) -> str:
        self.at_it += 1
        self.threads.add(threading.current_thread())
        self.used.set()
        if wait:
            self.gate.wait(10)
        self.log.append(what if self.at_it == 1 else f"{what} by two")
        self.at_it -= 1
        return what


class Owner(Actor):
    """Does what it is sent with its file."""

    expected_errors = (Refusal,)

    def __init__(self, open_file: Callable[[], Watched]) -> None:
        super().__init__()
        self.file = OwnFile(self._cell, open_file, Refusal)

    def on_receive(self, message: Callable[[Watched], Any]) -> Any:
        return self.defer(self.file.use(message))

    async def on_stop(self) -> None:
        await self.file.close(lambda file: file.note("last words"))

    def release(self) -> None:
        self.file.release()


def noting(what: str) -> Callable[[Watched], str]:
    return lambda file: file.note(what)


def noted_until_now(file: Watched) -> list[str]:
    return list(file.log)


def failing(error: BaseException) -> Callable[[Watched], None]:
    def fail(_file: Watched) -> None:
        raise error

    return fail


async def given_up(owner: ActorRef[Any], work: Callable[[Watched], Any], used: threading.Event) -> None:
    """Somebody asks for it, and leaves while the thread is at it."""
    asking = asyncio.ensure_future(owner.call(work))
    assert await asyncio.to_thread(used.wait, 10)
    asking.cancel()
    await asyncio.wait({asking})


def test_a_file_is_not_closed_while_a_thread_uses_it_for_somebody_who_is_gone() -> None:
    """As when a loop is torn down: every task is cancelled at once, and threads go on."""

    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, lambda: file)
        owner.tell(Watched.waiting)
        await asyncio.to_thread(file.used.wait, 10)
        for task in kernel.tasks:
            task.cancel()
        ending = asyncio.ensure_future(kernel.shutdown())
        await settle(500)  # time for a close that does not wait
        file.gate.set()
        await ending
        assert file.log == ["used", "last words", "closed"]

    run(main())


def test_who_leaves_leaves_the_use_in_its_place_and_asking_again_comes_behind_it() -> None:
    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, lambda: file)
        await given_up(owner, lambda file: file.waiting("kept"), file.used)
        gone = asyncio.ensure_future(owner.call(noting("queued")))
        await settle()
        gone.cancel()
        again = asyncio.ensure_future(owner.call(noted_until_now))
        await settle(500)  # time for a use that does not wait
        file.gate.set()
        assert await again == ["kept", "queued"]
        await kernel.shutdown()
        assert len(file.threads) == 1

    run(main())


def test_uses_come_in_the_order_of_asking_and_all_before_the_close() -> None:
    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, lambda: file)
        owner.tell(Watched.waiting)
        for number in range(20):
            owner.tell(noting(str(number)))
        await asyncio.to_thread(file.used.wait, 10)
        ending = asyncio.ensure_future(kernel.shutdown())
        await settle()
        file.gate.set()
        await ending
        assert file.log == ["used", *map(str, range(20)), "last words", "closed"]

    run(main())


def test_an_answer_of_the_file_reaches_who_asked_and_an_open_that_failed_is_tried_again() -> None:
    async def main() -> None:
        kernel, file = Kernel(), Watched()
        opened: list[Watched | Refusal] = [Refusal("no disk"), file]

        def open_file() -> Watched:
            found = opened.pop(0)
            if isinstance(found, Refusal):
                raise found
            return found

        owner = await kernel.spawn(Owner, open_file)
        with pytest.raises(Refusal, match="no disk"):
            await owner.call(noting("lost"))
        with pytest.raises(Refusal, match="full"):
            await owner.call(failing(Refusal("full")))
        assert await owner.call(noting("kept")) == "kept"
        await kernel.shutdown()
        assert file.log == ["kept", "last words", "closed"]

    run(main())


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("error", [Boom("damaged"), SystemExit(3), asyncio.CancelledError()])
def test_any_other_error_ends_the_actor_also_when_who_asked_is_gone(error: BaseException, leaves: bool) -> None:
    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, lambda: file)

        def damaged(file: Watched) -> None:
            file.waiting()
            raise error

        if leaves:
            await given_up(owner, damaged, file.used)
            file.gate.set()
        else:
            file.gate.set()
            with pytest.raises(ActorDeadError):
                await owner.call(damaged)
        reason = await owner.wait_exit()
        assert isinstance(reason, Crashed)
        assert reason.exception is error
        assert file.log == ["used", "last words", "closed"]
        await kernel.shutdown()

    run(main())


def test_a_killed_actors_file_is_closed_behind_what_is_under_way_and_the_next_life_opens_its_own() -> None:
    async def main() -> None:
        kernel, old, new = Kernel(), Watched(), Watched()
        files = [old, new]
        owner = await kernel.spawn(Owner, partial(files.pop, 0))
        owner.tell(Watched.waiting)
        owner.tell(noting("queued"))
        assert await asyncio.to_thread(old.used.wait, 10)
        owner.kill()
        assert await owner.wait_exit() == Killed()
        following = await kernel.spawn(Owner, partial(files.pop, 0))
        assert await following.call(noting("anew")) == "anew"
        assert (old.log, new.log) == ([], ["anew"])
        old.gate.set()
        await kernel.shutdown()
        for thread in old.threads | new.threads:
            await asyncio.to_thread(thread.join, 10)
            assert not thread.is_alive()
        assert (old.log, new.log) == (["used", "closed"], ["anew", "last words", "closed"])
        assert not old.threads & new.threads

    run(main())


def test_a_kill_while_it_is_being_closed_leaves_the_last_words_unsaid() -> None:
    """The next life has begun by then, and may have said them."""

    async def main() -> None:
        kernel, file = Kernel(), Watched()
        owner = await kernel.spawn(Owner, lambda: file)
        owner.tell(Watched.waiting)
        assert await asyncio.to_thread(file.used.wait, 10)
        owner.stop(block=False)
        await settle()
        owner.kill()
        assert await owner.wait_exit() == Killed()
        file.gate.set()
        (thread,) = file.threads
        await asyncio.to_thread(thread.join, 10)
        assert file.log == ["used", "closed"]
        await kernel.shutdown()

    run(main())


def test_an_actor_has_a_thread_from_the_first_use_of_its_file_to_its_end() -> None:
    async def main() -> None:
        kernel, before = Kernel(), set(threading.enumerate())
        unused, owner = await kernel.spawn(Owner, Watched), await kernel.spawn(Owner, Watched)
        assert set(threading.enumerate()) == before
        for _ in range(3):
            await owner.call(noting("used"))
        (thread,) = set(threading.enumerate()) - before
        for each in (unused, owner):
            each.stop(block=False)
            await each.wait_exit()
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()
        await kernel.shutdown()

    run(main())


_HANGING = """
import asyncio, threading
from actors.kernel import Actor, Kernel, OwnFile

class Hanging:
    began = threading.Event()
    def use(self): self.began.set(); threading.Event().wait()
    def close(self): pass

class Owner(Actor):
    def on_receive(self, message):
        self.file = OwnFile(self._cell, Hanging, KeyError)
        return self.defer(self.file.use(Hanging.use))
    def release(self): self.file.release()

async def main():
    kernel = Kernel()
    owner = await kernel.spawn(Owner)
    owner.tell("hang")
    await asyncio.to_thread(Hanging.began.wait, 10)
    owner.kill()
    await owner.wait_exit()
    await kernel.shutdown()

asyncio.run(main())
print("over")
"""


def test_a_disk_that_never_answers_does_not_hold_up_the_end_of_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", _HANGING], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "over", "")
