"""The TrustLedger: counts, keeps over restarts, and fails closed."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.disk import Turn
from actors.journal import Journal, MemoryStore
from actors.kernel import ActorRef, Kernel, ManualClock
from actors.trust import (
    ClearTrust,
    ConsiderTrust,
    ListTrust,
    NoteAnswer,
    SetTrust,
    TrustLedger,
    TrustStateUnreadable,
    TrustStateUnsaved,
    TrustUnsavedError,
)
from actors.trust.files import TrustFile
from pipelines.guardrails.trust import TrustError, TrustGiven
from pipelines.guardrails.trust_state import TrustState
from tests.actors_for_tests import events_of, until
from tests.disk_for_tests import HeldSave
from tests.support import run

PATTERN = "release/ask@abc"
NOW = 1_700_000_000.0


@asynccontextmanager
async def ledger(state_dir: Path, **more: Any) -> AsyncGenerator[tuple[Kernel, ActorRef[Any]]]:
    kernel = Kernel(clock=ManualClock(wall_s=NOW))
    try:
        await kernel.spawn(Journal, MemoryStore(), name="journal")
        yield kernel, await kernel.spawn(TrustLedger, state_dir, name="trust", **more)
    finally:
        await kernel.shutdown()


async def answers(ref: ActorRef[Any], said: str, pattern: str = PATTERN) -> None:
    await asyncio.gather(*(ref.call(NoteAnswer(pattern, each == "y")) for each in said))


async def considered(ref: ActorRef[Any], pattern: str = PATTERN) -> TrustGiven | None:
    given: TrustGiven | None = await ref.call(ConsiderTrust(pattern, NOW + 1))
    return given


def test_trust_needs_both_answers_and_a_persons_threshold_and_ends_with_a_rejection(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path) as (_, ref):
            await answers(ref, "y" * 60)
            assert await considered(ref) is None
            await ref.call(SetTrust("release", 0.95, "always the same", "ann"))
            given = await considered(ref)
            assert given is not None
            assert (str(given), given.rule.who) == ("trust (score 0.95 of 60)", "ann")
            assert await considered(ref, "release/ask@changed") is None
            await answers(ref, "n")
            assert await considered(ref) is None

    run(main())


def test_all_of_it_outlives_a_kill_and_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path) as (_, ref):
            await answers(ref, "yny" + "y" * 60)
            await ref.call(SetTrust("release/ask", 0.95, "always the same", "ann"))
            before = await ref.call(ListTrust())
            ref.kill()  # nothing is written at the end
        assert stat.S_IMODE((tmp_path / "trust.json").stat().st_mode) == 0o600
        async with ledger(tmp_path) as (_, ref):
            assert await ref.call(ListTrust()) == before
            (line,) = before.patterns
            assert (line.approvals, line.rejections, line.streak, line.threshold) == (62, 1, 61, 0.95)
            assert line.trusted == (await considered(ref) is not None)

    run(main())


def test_a_damaged_file_is_moved_aside_and_nothing_is_trusted_then(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path) as (_, ref):
            await answers(ref, "y" * 60)
            await ref.call(SetTrust("release", 0.9, "always the same", "ann"))
        file = tmp_path / "trust.json"
        file.write_bytes(file.read_bytes()[:-20])
        kernel = Kernel(clock=ManualClock(wall_s=NOW))
        told = events_of(kernel, TrustStateUnreadable)
        ref = await kernel.spawn(TrustLedger, tmp_path, name="trust")
        assert await considered(ref) is None
        assert (await ref.call(ListTrust())).rules == ()
        assert (tmp_path / "trust.json.unreadable").exists()
        assert [each.moved_to for each in told] == [str(tmp_path / "trust.json.unreadable")]
        await kernel.shutdown()

    run(main())


def test_while_it_cannot_write_nothing_is_trusted_and_later_it_writes_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with ledger(tmp_path, look_s=5.0) as (kernel, ref):
            unsaved = events_of(kernel, TrustStateUnsaved)
            await answers(ref, "y" * 60)
            await ref.call(SetTrust("release", 0.95, "always the same", "ann"))
            with monkeypatch.context() as full:
                full.setattr("actors.trust.files.TrustFile.save", _full)
                for message in (SetTrust("other", 0.9, "why not", "ann"), NoteAnswer(PATTERN, True)):
                    with pytest.raises(TrustUnsavedError, match="No space left"):
                        await ref.call(message)
                assert await considered(ref) is None
                state = await ref.call(ListTrust())
                assert ([each.target for each in state.rules], state.patterns[0].approvals) == (["release"], 61)
                assert "No space left" in state.problem
            kernel.clock.advance(5.0)  # type: ignore[attr-defined]
            await until(lambda: b'"approvals": 61' in (tmp_path / "trust.json").read_bytes())
            async with asyncio.timeout(5):
                while await considered(ref) is None:
                    await asyncio.sleep(0)
            assert (await ref.call(ListTrust())).problem == ""
            assert len(unsaved) == 1

    run(main())


def test_what_the_journal_cannot_be_asked_about_is_not_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path) as (kernel, ref):
            await answers(ref, "y" * 60)
            await ref.call(SetTrust("release", 0.95, "always the same", "ann"))
            kernel.ref("journal").kill()
            await until(lambda: kernel.registry.whereis("journal") is None)
            assert await considered(ref) is None
            await kernel.spawn(Journal, MemoryStore(), name="journal")
            assert await considered(ref) is not None

    run(main())


def _full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_threshold_is_taken_away_alone_or_with_what_was_learned(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path) as (_, ref):
            await answers(ref, "y" * 60)
            await answers(ref, "y", "release2/ask@abc")
            await ref.call(SetTrust("release", 0.95, "always the same", "ann"))
            assert await ref.call(ClearTrust("release")) == (1, 0)
            assert await considered(ref) is None
            assert await ref.call(ClearTrust("release", history=True)) == (0, 1)
            assert [each.target for each in (await ref.call(ListTrust())).patterns] == ["release2/ask"]

    run(main())


def test_the_patterns_answered_longest_ago_are_forgotten_when_there_are_too_many(tmp_path: Path) -> None:
    async def main() -> None:
        async with ledger(tmp_path, most_patterns=2) as (_, ref):
            for name in ("a", "b", "a", "c"):
                await answers(ref, "y", f"{name}/ask@1")
            assert [each.target for each in (await ref.call(ListTrust())).patterns] == ["c/ask", "a/ask"]
            with pytest.raises(TrustError, match=r"from 0\.8 to 0\.999"):
                await ref.call(SetTrust("a", 0.3, "why not", "ann"))

    run(main())


def test_a_threshold_that_was_refused_is_not_on_the_disk_either_when_another_save_follows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, fails = TrustFile.save, [True]

    def guarded(file: TrustFile, state: TrustState, turn: Turn) -> None:
        if fails and fails.pop():
            raise OSError(28, "No space left on device")
        save(file, state, turn)

    async def main() -> None:
        monkeypatch.setattr(TrustFile, "save", guarded)
        async with ledger(tmp_path, look_s=0.5) as (kernel, ref):
            clock = kernel.clock
            assert isinstance(clock, ManualClock)

            def hear(event: object) -> None:
                if isinstance(event, TrustStateUnsaved):
                    clock.advance(0.5)  # it is tried again in this very moment

            kernel.events.subscribe(hear)
            with pytest.raises(TrustUnsavedError):
                await ref.call(SetTrust("release", 0.95, "always the same", "ann"))
            async with asyncio.timeout(5):
                while (await ref.call(ListTrust())).problem:
                    await asyncio.sleep(0)
        async with ledger(tmp_path) as (_, ref):
            known = await ref.call(ListTrust())
            assert known.rules == ()

    run(main())


def test_a_save_that_is_under_way_as_the_ledger_stops_is_not_written_over_the_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, reached, later, written = TrustFile.save, threading.Event(), threading.Event(), threading.Event()

    def slow_at_first(file: TrustFile, state: TrustState, turn: Turn) -> None:
        if reached.is_set():
            save(file, state, turn)
            later.set()
        else:
            reached.set()
            later.wait(0.3)  # for one that does not wait for this
            save(file, state, turn)
            written.set()

    monkeypatch.setattr(TrustFile, "save", slow_at_first)

    async def main() -> None:
        async with ledger(tmp_path) as (_, ref):
            ref.tell(NoteAnswer(PATTERN, approved=True))
            assert await asyncio.to_thread(reached.wait, 5.0)
            ref.tell(NoteAnswer(PATTERN, approved=False))
            await ref.call(ListTrust())
            await ref.stop()
            assert await asyncio.to_thread(written.wait, 5.0)
        async with ledger(tmp_path) as (_, ref):
            (line,) = (await ref.call(ListTrust())).patterns
            assert (line.approvals, line.rejections) == (1, 1)

    run(main())


@pytest.mark.parametrize("saves", [False, True], ids=["an idle life", "a life that saves"])
def test_a_threshold_that_a_killed_ledger_had_under_way_never_reaches_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: bool
) -> None:
    async def main() -> None:
        disk = HeldSave(monkeypatch, TrustFile)
        async with ledger(tmp_path) as (kernel, ref):
            disk.hold()
            ref.tell(SetTrust("release", 0.9, "never answered", "ann"))
            await disk.entered()
            ref.kill()
            await ref.wait_exit()
            again = await kernel.spawn(TrustLedger, tmp_path, name="trust")
            if saves:
                await answers(again, "n")
            await disk.let_go()
            again.kill()
        async with ledger(tmp_path) as (_, ref):
            known = await ref.call(ListTrust())
            assert known.rules == ()
            assert [each.rejections for each in known.patterns] == [1] * saves

    run(main())
