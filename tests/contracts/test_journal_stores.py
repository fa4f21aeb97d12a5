"""What every journal store must do. A new store joins by a line in `PLACES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from actors.journal import (
    CloseRun,
    IdempotencyConflictError,
    JournalPlace,
    JournalStore,
    MemoryStore,
    OpenRun,
    RecordStep,
    SqliteFile,
    StepRecord,
    UnknownRunError,
)

PLACES: dict[str, Callable[[Path], JournalPlace]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda directory: SqliteFile(directory / "state" / "journal.db"),
    "sqlite, full durability": lambda directory: SqliteFile(directory / "journal.db", synchronous="full"),
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    return PLACES[request.param](tmp_path)


@pytest.fixture
def store(place: JournalPlace) -> Iterator[JournalStore]:
    opened = place.open()
    yield opened
    opened.close()


def opening(run_id: str = "r1", key: str | None = None, inputs: dict[str, JsonValue] | None = None) -> OpenRun:
    return OpenRun(run_id, "digest", {"name": "digest", "steps": []}, "hash-1", inputs or {}, {"depth": 0}, key)


def step(name: str, result: JsonValue, run_id: str = "r1", attempt: int = 1, status: str = "succeeded") -> RecordStep:
    return RecordStep(run_id, name, attempt, status, result)


def test_an_opened_run_is_loaded_as_it_was_given(store: JournalStore) -> None:
    assert store.commit([opening(key="k", inputs={"topic": "ünïcode ✓", "n": 3})], at=10.0) == [("r1", True)]
    run = store.load("r1")
    assert run is not None
    assert (run.pipeline_name, run.definition_hash, run.status) == ("digest", "hash-1", "running")
    assert run.definition == {"name": "digest", "steps": []}
    assert run.inputs == {"topic": "ünïcode ✓", "n": 3}
    assert run.meta == {"depth": 0}
    assert (run.idempotency_key, run.opened_at, run.closed_at, run.outcome) == ("k", 10.0, None, None)
    assert not run.finished


def test_a_run_nobody_opened_is_none(store: JournalStore) -> None:
    assert store.load("nobody") is None


def test_steps_come_back_in_the_order_they_were_recorded(store: JournalStore) -> None:
    replies = store.commit(
        [opening(), step("b", {"text": "x"}), step("loop[3]/inner", [1, 2.5, None]), step("a", "t")], at=5.0
    )
    assert replies[1] == StepRecord("r1", "b", 1, "succeeded", {"text": "x"}, 5.0)
    run = store.load("r1")
    assert run is not None
    assert list(run.steps) == ["b", "loop[3]/inner", "a"]
    assert run.steps["loop[3]/inner"].result == [1, 2.5, None]


def test_of_two_results_for_one_step_the_first_wins_and_is_returned(store: JournalStore) -> None:
    store.commit([opening(), step("a", "first")], at=1.0)
    (reply,) = store.commit([step("a", "second", attempt=2, status="failed")], at=2.0)
    assert reply == StepRecord("r1", "a", 1, "succeeded", "first", 1.0)
    same_batch = store.commit([step("b", "first"), step("b", "second")], at=3.0)
    assert same_batch[0] == same_batch[1]
    run = store.load("r1")
    assert run is not None
    assert {name: record.result for name, record in run.steps.items()} == {"a": "first", "b": "first"}


def test_a_step_of_an_unknown_run_is_refused_and_leaves_its_batch_alone(store: JournalStore) -> None:
    replies = store.commit([opening(), step("a", 1, run_id="ghost"), CloseRun("ghost", "failed"), step("a", 2)], at=1.0)
    assert isinstance(replies[1], UnknownRunError)
    assert isinstance(replies[2], UnknownRunError)
    assert isinstance(replies[3], StepRecord)
    assert store.load("ghost") is None


def test_an_idempotency_key_gives_the_first_run(store: JournalStore) -> None:
    store.commit([opening("r1", key="k", inputs={"a": 1, "b": 2})], at=1.0)
    assert store.commit([opening("r2", key="k", inputs={"b": 2, "a": 1})], at=2.0) == [("r1", False)]
    assert store.load("r2") is None


def test_an_idempotency_key_with_another_request_is_a_conflict(store: JournalStore) -> None:
    store.commit([opening("r1", key="k", inputs={"a": 1})], at=1.0)
    (reply,) = store.commit([opening("r2", key="k", inputs={"a": 2})], at=2.0)
    assert isinstance(reply, IdempotencyConflictError)
    assert "'k'" in str(reply)
    assert "'r1'" in str(reply)


def test_runs_without_keys_do_not_collide(store: JournalStore) -> None:
    assert store.commit([opening("r1"), opening("r2")], at=1.0) == [("r1", True), ("r2", True)]


def test_opening_a_known_run_again_changes_nothing(store: JournalStore) -> None:
    store.commit([opening("r1", inputs={"a": 1}), step("s", 1)], at=1.0)
    assert store.commit([opening("r1", inputs={"a": 9})], at=2.0) == [("r1", False)]
    run = store.load("r1")
    assert run is not None
    assert (run.inputs, len(run.steps)) == ({"a": 1}, 1)


def test_a_finished_run_stays_as_it_ended(store: JournalStore) -> None:
    store.commit([opening()], at=1.0)
    assert store.commit([CloseRun("r1", "succeeded", {"outputs": {"x": 1}})], at=2.0) == ["succeeded"]
    assert store.commit([CloseRun("r1", "cancelled", None)], at=3.0) == ["succeeded"]
    run = store.load("r1")
    assert run is not None
    assert (run.status, run.outcome, run.closed_at, run.finished) == ("succeeded", {"outputs": {"x": 1}}, 2.0, True)


def test_a_paused_run_is_unfinished_and_may_end_later(store: JournalStore) -> None:
    store.commit([opening("r1"), opening("r2"), CloseRun("r1", "paused", {"reason": "kill switch"})], at=1.0)
    assert [run.run_id for run in store.unfinished()] == ["r1", "r2"]
    assert store.unfinished()[0].closed_at is None
    store.commit([CloseRun("r1", "failed", None), CloseRun("r2", "cancelled", None)], at=2.0)
    assert store.unfinished() == ()


def test_unfinished_runs_come_with_their_steps(store: JournalStore) -> None:
    store.commit([opening(), step("a", {"text": "done"})], at=1.0)
    (run,) = store.unfinished()
    assert run.steps["a"].result == {"text": "done"}


def test_recent_runs_are_listed_newest_first(store: JournalStore) -> None:
    store.commit([opening(f"r{n}") for n in range(5)], at=1.0)
    store.commit([step("a", 1, run_id="r4"), CloseRun("r4", "succeeded", None)], at=2.0)
    listed = store.recent(3)
    assert [run.run_id for run in listed] == ["r4", "r3", "r2"]
    assert (listed[0].status, listed[0].recorded_steps, listed[0].closed_at) == ("succeeded", 1, 2.0)
    assert store.recent(0) == ()


def test_a_large_result_comes_back_whole(store: JournalStore) -> None:
    text = "lorem ✓ " * 1_000_000
    store.commit([opening(), step("big", {"text": text})], at=1.0)
    run = store.load("r1")
    assert run is not None
    assert run.steps["big"].result == {"text": text}


def test_text_that_is_not_valid_unicode_comes_back_as_it_was(store: JournalStore) -> None:
    store.commit([opening(), step("odd", "\ud83d cut off, \x00 and \u2028")], at=1.0)
    run = store.load("r1")
    assert run is not None
    assert run.steps["odd"].result == "\ud83d cut off, \x00 and \u2028"


def test_what_was_committed_is_there_after_closing_and_opening_again(place: JournalPlace) -> None:
    store = place.open()
    store.commit([opening(key="k"), step("a", 1)], at=1.0)
    store.close()
    again = place.open()
    run = again.load("r1")
    assert run is not None
    assert run.steps["a"].result == 1
    assert again.commit([opening("r2", key="k")], at=2.0) == [("r1", False)]
    again.close()


def test_an_empty_commit_is_nothing(store: JournalStore) -> None:
    assert store.commit([], at=1.0) == []
