"""The AuditLog as an actor: what it has acknowledged is there, whatever crashes; a failing disk stops nobody else."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.audit import (
    AuditBook,
    AuditDamaged,
    AuditLog,
    AuditPlace,
    AuditUnavailableError,
    AuditUnwritable,
    AuditWritable,
    Flush,
    Note,
    Record,
    check_place,
    entries_of,
    segments,
)
from actors.kernel import ActorDeadError, ChildSpec, Kernel, KernelError
from supervisors import Supervisor
from tests.actors.audit.audit_for_tests import decision, written
from tests.actors_for_tests import events_of
from tests.support import run


def subjects(place: AuditPlace) -> list[str]:
    return [entry.subject for entry in entries_of(segments(place.directory)) if entry.subject]


@asynccontextmanager
async def audit(directory: Path, book: AuditBook | None = None, **options: Any) -> AsyncGenerator[tuple[Any, ...]]:
    kernel = Kernel()
    book = book or AuditBook()
    place = AuditPlace.of(directory)
    spec = ChildSpec(id="audit", actor_class=AuditLog, args=(place, book), kwargs=options, name="audit")
    try:
        await kernel.spawn(Supervisor, (spec,), strategy="one_for_one", max_restarts=1_000, max_seconds=1.0)
        yield kernel, book, place
    finally:
        await kernel.shutdown()


def test_a_note_is_on_the_disk_when_it_is_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with audit(tmp_path) as (kernel, book, place):
            head = await kernel.ref("audit").call(Note(decision(1)), timeout_s=5)
            assert (subjects(place), head.number, book.entries) == (["run-1"], 1, 1)

    run(main())


def test_what_is_recorded_without_waiting_is_there_after_a_flush_and_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with audit(tmp_path) as (kernel, book, place):
            for number in range(1, 2_001):
                book.record(decision(number))
            kernel.ref("audit").tell(Record(decision(2_001)))
            await kernel.ref("audit").call(Flush(), timeout_s=5)
            assert subjects(place) == [f"run-{number}" for number in range(1, 2_002)]

    run(main())


def test_what_waits_at_the_end_is_written_and_the_farewell_comes_last(tmp_path: Path) -> None:
    async def main() -> AuditPlace:
        async with audit(tmp_path, linger_s=60.0) as (kernel, book, place):
            await kernel.ref("audit").call(Flush(), timeout_s=5)
            book.record(decision(1))
            book.farewell = decision(2, "node.stopped")
        return place

    assert subjects(run(main())) == ["run-1", "run-2"]


class FullDisk:
    """Lets every write fail while it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        write = os.write

        def failing(file: int, data: bytes) -> int:
            if self.full and b'"previous"' in data:
                write(file, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data)

        monkeypatch.setattr(os, "write", failing)


def test_a_full_disk_refuses_notes_and_keeps_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        disk = FullDisk(monkeypatch)
        async with audit(tmp_path, retry_s=0.02) as (kernel, book, place):
            told = events_of(kernel, AuditUnwritable)
            well = events_of(kernel, AuditWritable)
            book.record(decision(1), urgent=True)
            with pytest.raises(AuditUnavailableError, match=r"No space left on device.*Fix: "):
                await kernel.ref("audit").call(Note(decision(2)), timeout_s=5)
            assert (len(told), "No space left" in book.facts()["problem"]) == (1, True)
            assert subjects(place) == []
            disk.full = False
            await kernel.ref("audit").call(Flush(), timeout_s=5)
            # What was refused is not there, also not by halves.
            assert (subjects(place), len(well), book.problem) == (["run-1"], 1, "")
            assert check_place(place).is_sound

    run(main())


def test_more_than_can_wait_is_dropped_counted_and_said_in_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        book = AuditBook(max_waiting=3)
        for number in range(1, 6):
            book.record(decision(number))
        async with audit(tmp_path, book) as (kernel, _, place):
            await kernel.ref("audit").call(Flush(), timeout_s=5)
            book.record(decision(6))
            await kernel.ref("audit").call(Flush(), timeout_s=5)
            dropped = [entry for entry in entries_of(segments(place.directory)) if entry.action == "audit.dropped"]
            assert [entry.detail for entry in dropped] == [{"count": 2}]
            assert book.dropped == 2

    run(main())


def test_a_decision_that_cannot_be_written_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def main() -> None:
        async with audit(tmp_path) as (kernel, book, place):
            bad = decision(1)
            book.record(type(bad)(float("nan"), bad.who, bad.action, bad.subject, {"x": object()}))  # type: ignore[dict-item]
            await kernel.ref("audit").call(Note(decision(2)), timeout_s=5)
            assert subjects(place) == ["run-1", "run-2"]

    run(main())


def test_crashes_of_log_and_writer_lose_nothing_and_write_nothing_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with audit(tmp_path, linger_s=0.001) as (kernel, book, place):
            noted: list[int] = []
            unsure: set[int] = set()

            async def note(number: int) -> None:
                try:
                    await kernel.ref("audit").call(Note(decision(number)), timeout_s=5)
                    noted.append(number)
                except KernelError:
                    unsure.add(number)

            for number in range(0, 1_500, 3):
                book.record(decision(number))
                book.record(decision(number + 1))
                task = asyncio.create_task(note(number + 2))
                await asyncio.sleep(0)
                if number % 30 == 0:
                    for cell in list(kernel.cells()):
                        name = "AuditWriter" if number % 60 else "AuditLog"
                        if cell.actor_class.__name__ == name:
                            cell.ref.kill()
                if number % 15 == 0:
                    await task
            while True:
                try:
                    await kernel.ref("audit").call(Flush(), timeout_s=5)
                    break
                except ActorDeadError:
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            there = [int(subject.removeprefix("run-")) for subject in subjects(place)]
            assert len(there) == len(set(there))
            recorded = {number for number in range(1_500) if number % 3 != 2}
            assert recorded <= set(there)
            assert set(noted) <= set(there)
            assert check_place(place).flaws == ()

    run(main(), 60)


def test_damage_from_before_is_found_beside_the_work_and_said(tmp_path: Path) -> None:
    place, _ = written(tmp_path, 30, segment_bytes=4_096)
    file = segments(place.directory)[0]
    file.write_bytes(file.read_bytes().replace(b"ann", b"bob", 1))

    async def main() -> None:
        async with audit(tmp_path) as (kernel, book, _):
            found = events_of(kernel, AuditDamaged)
            async with asyncio.timeout(5):
                while not found:
                    await asyncio.sleep(0.01)
            (damage,) = found[0].found
            assert damage == f"{file}:1: entry 1 was changed after it was written"
            assert book.facts()["damage"] == [damage]
            await kernel.ref("audit").call(Flush(), timeout_s=5)

    run(main())
    assert any(entry.action == "audit.damaged" for entry in entries_of(segments(place.directory)))
