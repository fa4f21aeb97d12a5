"""The many-rows-a-statement path of a batch: it answers exactly as one record at a time does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.journal import (
    CloseRun,
    EndRun,
    IdempotencyConflictError,
    JournalError,
    OpenRun,
    RecordStep,
    SqliteFile,
    SqliteStore,
    StepRecord,
    UnknownRunError,
)
from actors.journal.records import Write, WriteReply

SEED = random.SystemRandom().randrange(1_000_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteFile(tmp_path / "journal.db").open()
    yield opened
    opened.close()


def opening(run_id: str, key: str | None = None, n: int = 0) -> OpenRun:
    return OpenRun(run_id, "p", {}, "h", {"n": n}, idempotency_key=key)


def test_a_result_that_is_there_already_does_not_disturb_its_neighbours(store: SqliteStore) -> None:
    store.commit([opening("r"), RecordStep("r", "s40", 1, "succeeded", "first")], at=1.0)
    replies = store.commit([RecordStep("r", f"s{n}", 2, "succeeded", n) for n in range(100)], at=2.0)
    assert replies[40] == StepRecord("r", "s40", 1, "succeeded", "first", 1.0)
    assert replies[99] == StepRecord("r", "s99", 2, "succeeded", 99, 2.0)
    kept = store.load("r")
    assert kept is not None
    assert {name: step.result for name, step in kept.steps.items()} == {
        **{f"s{n}": n for n in range(100)},
        "s40": "first",
    }


def test_a_step_of_a_run_that_nobody_opened_is_refused_alone(store: SqliteStore) -> None:
    store.commit([opening("r")], at=1.0)
    steps = [RecordStep("r" if n != 5 else "nobody", f"s{n}", 1, "succeeded", n) for n in range(10)]
    replies = store.commit(steps, at=2.0)
    assert isinstance(replies[5], UnknownRunError)
    assert sum(isinstance(each, StepRecord) for each in replies) == 9


def test_a_key_twice_in_one_batch_is_one_run(store: SqliteStore) -> None:
    replies = store.commit([opening(f"r{n}", "k" if n in (3, 7) else None) for n in range(9)], at=1.0)
    assert replies[3] == ("r3", True)
    assert replies[7] == ("r3", False)
    other = store.commit([opening("x", "k", n=1), opening("y")], at=2.0)
    assert isinstance(other[0], IdempotencyConflictError)
    assert other[1] == ("y", True)


def test_a_run_that_has_ended_stays_as_it_ended(store: SqliteStore) -> None:
    assert store.commit([opening("r"), CloseRun("r", "paused"), CloseRun("r", "failed")], at=1.0)[1:] == [
        "paused",
        "failed",
    ]
    assert store.commit([CloseRun("r", "succeeded")], at=2.0) == ["failed"]
    assert isinstance(store.commit([CloseRun("nobody", "failed")], at=3.0)[0], UnknownRunError)


def test_any_batch_is_answered_as_its_writes_are_one_by_one(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    together, apart = SqliteFile(tmp_path / "a.db").open(), SqliteFile(tmp_path / "b.db").open()
    for at in range(60):
        batch = [any_write(rng) for _ in range(rng.choice([1, 3, 20, 150]))]
        expected = [reply for write in batch for reply in apart.commit([write], at=float(at))]
        assert plain(together.commit(batch, at=float(at))) == plain(expected), f"seed {SEED}, batch {at}"
    assert together.unfinished() == apart.unfinished()
    assert together.recent(1_000) == apart.recent(1_000)
    for store in (together, apart):
        store.close()


def any_write(rng: random.Random) -> Write:
    run_id = f"r{rng.randrange(40)}"
    match rng.randrange(10):
        case 0 | 1 | 2:
            return opening(run_id, rng.choice([None, f"k{rng.randrange(20)}"]), rng.randrange(2))
        case 3:
            return CloseRun(run_id, rng.choice(["succeeded", "failed", "paused"]), rng.random())
        case 4:
            return RecordStep(run_id, "odd", 1, "succeeded", float("nan"))
        case 5:
            step = RecordStep(run_id, f"s{rng.randrange(30)}", 1, "succeeded", rng.choice([rng.random(), 7]))
            return EndRun(step, CloseRun(run_id, rng.choice(["succeeded", "failed"]), rng.choice([1, float("nan")])))
        case _:
            return RecordStep(run_id, f"s{rng.randrange(30)}", 1, "succeeded", rng.random())


def plain(replies: list[WriteReply | JournalError]) -> list[object]:
    return [(type(each).__name__, str(each)) if isinstance(each, JournalError) else each for each in replies]
