"""The Journal actor: group commits, acknowledgement after the commit, and failures that lose nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from actors.journal import (
    CloseRun,
    Journal,
    JournalBusyError,
    JournalError,
    JournalPlace,
    JournalUnavailableError,
    ListRuns,
    LoadRun,
    MemoryStore,
    OpenRun,
    RecordStep,
    RunRecord,
    SqliteFile,
    StepRecord,
    UnfinishedRuns,
    UnknownRunError,
)
from actors.journal.records import Write, WriteReply
from actors.kernel import ActorDeadError, Kernel, StartError
from tests.actors_for_tests import settle
from tests.support import run

PLACES: dict[str, Callable[[Path], JournalPlace]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda directory: SqliteFile(directory / "journal.db"),
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    return PLACES[request.param](tmp_path)


def opening(run_id: str = "r1", key: str | None = None) -> OpenRun:
    return OpenRun(run_id, "p", {}, "h", {}, {}, key)


def step(name: str, run_id: str = "r1", result: Any = 1) -> RecordStep:
    return RecordStep(run_id, name, 1, "succeeded", result)


@dataclass
class GatedStore(MemoryStore):
    """A blocking store whose commits wait for `gate`; it keeps the size of each batch."""

    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list[int])
    broken: BaseException | None = None

    blocking = True

    def __post_init__(self) -> None:
        super().__init__()

    def commit(self, writes: Sequence[Write], at: float) -> list[WriteReply | JournalError]:
        self.entered.set()
        assert self.gate.wait(5.0)
        self.batches.append(len(writes))
        if self.broken is not None:
            raise self.broken
        return super().commit(writes, at)


async def entered(store: GatedStore) -> None:
    assert await asyncio.to_thread(store.entered.wait, 5.0)


def test_a_run_is_opened_recorded_closed_and_loaded(place: JournalPlace) -> None:
    async def main() -> None:
        kernel = Kernel()
        journal = await kernel.spawn(Journal, place, name="journal")
        assert await journal.call(opening()) == ("r1", True)
        reply = await journal.call(step("a"))
        assert isinstance(reply, StepRecord)
        assert [r.run_id for r in await journal.call(UnfinishedRuns())] == ["r1"]
        assert await journal.call(CloseRun("r1", "succeeded", {"x": 1})) == "succeeded"
        loaded: RunRecord = await journal.call(LoadRun("r1"))
        assert (loaded.status, list(loaded.steps)) == ("succeeded", ["a"])
        assert [r.run_id for r in await journal.call(ListRuns(10))] == ["r1"]
        assert await journal.call(UnfinishedRuns()) == ()
        assert await journal.call(LoadRun("nobody")) is None
        await kernel.shutdown()

    run(main())


def test_a_refused_record_fails_its_caller_and_the_journal_lives(place: JournalPlace) -> None:
    async def main() -> None:
        kernel = Kernel()
        journal = await kernel.spawn(Journal, place)
        with pytest.raises(UnknownRunError):
            await journal.call(step("a", run_id="ghost"))
        assert await journal.call(opening()) == ("r1", True)
        await kernel.shutdown()

    run(main())


def test_many_callers_recording_one_step_all_get_the_first_result(place: JournalPlace) -> None:
    async def main() -> None:
        kernel = Kernel()
        journal = await kernel.spawn(Journal, place)
        await journal.call(opening())
        replies = await asyncio.gather(*(journal.call(step("a", result=n)) for n in range(50)))
        assert set(replies) == {replies[0]}
        await kernel.shutdown()

    run(main())


def test_records_that_gather_during_a_commit_share_the_next_one() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        first = asyncio.ensure_future(journal.call(opening()))
        await entered(store)
        rest = [asyncio.ensure_future(journal.call(step(f"s{n}"))) for n in range(200)]
        await settle()  # all 200 wait now
        store.gate.set()
        await asyncio.gather(first, *rest)
        assert store.batches == [1, 200]
        await kernel.shutdown()

    run(main())


def test_nothing_is_acknowledged_before_its_commit_has_ended() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        reply = asyncio.ensure_future(journal.call(opening()))
        await entered(store)
        assert not reply.done()
        store.gate.set()
        assert await reply == ("r1", True)
        await kernel.shutdown()

    run(main())


def test_a_read_sees_what_was_queued_before_it() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        asked = [journal.call(opening()), journal.call(step("a")), journal.call(LoadRun("r1"))]
        gathered = asyncio.gather(*asked)
        await entered(store)
        store.gate.set()
        assert list((await gathered)[2].steps) == ["a"]
        await kernel.shutdown()

    run(main())


def test_a_full_queue_refuses_further_records_and_keeps_the_others() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store, max_waiting=2)
        first = asyncio.ensure_future(journal.call(opening()))
        await entered(store)
        queued = [asyncio.ensure_future(journal.call(step(name))) for name in ("a", "b")]
        one_too_many = asyncio.ensure_future(journal.call(step("c")))
        with pytest.raises(JournalBusyError):
            await one_too_many
        store.gate.set()
        await asyncio.gather(first, *queued)
        await kernel.shutdown()

    run(main())


def test_a_full_disk_fails_the_callers_and_the_journal_records_again_later(tmp_path: Path) -> None:
    async def main() -> None:
        kernel = Kernel()
        journal = await kernel.spawn(Journal, SqliteFile(tmp_path / "journal.db", max_bytes=200_000))
        await journal.call(opening())
        with pytest.raises(JournalUnavailableError, match=r"journal\.db: the disk is full.*Fix: "):
            await journal.call(step("big", result="x" * 500_000))
        assert journal.is_alive()
        assert isinstance(await journal.call(step("small")), StepRecord)
        assert list((await journal.call(LoadRun("r1"))).steps) == ["small"]
        await kernel.shutdown()

    run(main())


def test_a_failing_store_fails_every_record_of_its_batch_and_no_read() -> None:
    async def main() -> None:
        store = GatedStore(broken=JournalUnavailableError("the disk is on fire", path="/state/journal.db"))
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        gathered = asyncio.gather(
            journal.call(opening()), journal.call(step("a")), journal.call(LoadRun("r1")), return_exceptions=True
        )
        store.gate.set()
        opened, recorded, loaded = await gathered
        assert isinstance(opened, JournalUnavailableError)
        assert isinstance(recorded, JournalUnavailableError)
        assert loaded is None
        assert journal.is_alive()
        await kernel.shutdown()

    run(main())


def test_a_disk_that_hangs_is_reported_as_unknown_not_as_kept() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store, commit_timeout_s=0.05)
        with pytest.raises(JournalUnavailableError, match="may or may not"):
            await journal.call(opening())
        store.gate.set()
        assert await journal.call(opening()) == ("r1", False)
        await kernel.shutdown()

    run(main())


def test_a_crash_of_the_writer_ends_the_journal_for_its_supervisor_to_restart() -> None:
    async def main() -> None:
        store = GatedStore(broken=ZeroDivisionError("a bug"))
        store.gate.set()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        with pytest.raises(ActorDeadError):
            await journal.call(opening())
        await journal.wait_exit()
        store.broken = None
        again = await kernel.spawn(Journal, store)
        assert await again.call(opening()) == ("r1", True)
        await kernel.shutdown()

    run(main())


def test_a_killed_journal_takes_its_writer_with_it() -> None:
    async def main() -> None:
        kernel = Kernel()
        before = kernel.live
        store = GatedStore()
        store.gate.set()
        journal = await kernel.spawn(Journal, store)
        journal.kill()
        await journal.wait_exit()
        for ref in kernel.actors():
            await ref.wait_exit()
        assert kernel.live == before
        await kernel.shutdown()

    run(main())


def test_a_killed_journal_comes_back_with_everything_it_had_acknowledged(tmp_path: Path) -> None:
    async def main() -> None:
        kernel = Kernel()
        place = SqliteFile(tmp_path / "journal.db")
        journal = await kernel.spawn(Journal, place)
        await journal.call(opening())
        acknowledged: list[str] = []

        async def record(name: str) -> None:
            try:
                await journal.call(step(name))
            except ActorDeadError:
                return
            acknowledged.append(name)
            if len(acknowledged) == 20:
                journal.kill()

        await asyncio.gather(*(record(f"s{n}") for n in range(500)))
        again = await kernel.spawn(Journal, place)
        assert set(acknowledged) <= set((await again.call(LoadRun("r1"))).steps)
        await kernel.shutdown()

    run(main())


def test_a_journal_that_cannot_open_its_file_does_not_start_and_says_why(tmp_path: Path) -> None:
    async def main() -> None:
        kernel = Kernel()
        path = tmp_path / "journal.db"
        path.write_bytes(b"a letter to my aunt" * 100)
        with pytest.raises(StartError, match="not an SQLite database"):
            await kernel.spawn(Journal, SqliteFile(path))
        assert kernel.live == 0
        await kernel.shutdown()

    run(main())


def test_stopping_keeps_and_answers_the_records_that_still_wait() -> None:
    async def main() -> None:
        store = GatedStore()
        kernel = Kernel()
        journal = await kernel.spawn(Journal, store)
        waiting = [asyncio.ensure_future(journal.call(message)) for message in (opening(), step("a"), step("b"))]
        await entered(store)
        late = journal.ask(step("late"), block=False)
        stopped = journal.stop()
        store.gate.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        await stopped
        assert (await late).step == "late", "what is kept is acknowledged"
        kept = store.load("r1")
        assert kept is not None
        assert list(kept.steps) == ["a", "b", "late"]
        await kernel.shutdown()

    run(main())
