"""What every journal store must do. A new store joins by a line in `PLACES`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import JsonValue

from actors.journal import (
    FORMER,
    BlankRuns,
    CloseRun,
    Ended,
    EndRun,
    ForgetRuns,
    IdempotencyConflictError,
    JournalPlace,
    JournalSchemaError,
    JournalStore,
    JournalUnavailableError,
    LostResult,
    MemoryStore,
    OpenRun,
    RecordStep,
    ReopenRun,
    ResultLostError,
    RunChangedError,
    SqliteFile,
    StepRecord,
    TakeOverRun,
    UnknownRunError,
    UrlPlace,
    Vacuum,
    Vacuumed,
    schema,
)
from tests.postgres_for_tests import Server, postgres, why_not

PLACES: dict[str, Callable[[Path], JournalPlace]] = {
    "memory": lambda _: MemoryStore(),
    "sqlite": lambda directory: SqliteFile(directory / "state" / "journal.db"),
    "sqlite, full durability": lambda directory: SqliteFile(directory / "journal.db", synchronous="full"),
    "a URL's store on SQLite": lambda directory: UrlPlace(f"sqlite:///{directory / 'journal.db'}"),
}


POSTGRES = "postgresql"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    missing = why_not()
    if missing is not None:
        pytest.skip(missing)
    with postgres() as running:
        yield running


@pytest.fixture(params=[*PLACES, POSTGRES])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == POSTGRES:
        return UrlPlace(request.getfixturevalue("server").new_url())
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


def test_the_run_of_an_idempotency_key_is_found_and_that_of_an_unknown_one_is_none(store: JournalStore) -> None:
    store.commit([opening("r1", key="k"), opening("r2")], at=1.0)
    store.commit([CloseRun("r1", "succeeded", None)], at=2.0)
    assert [store.run_of_key(key) for key in ("k", "other", "")] == ["r1", None, None]


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


def test_a_last_step_and_the_end_of_its_run_are_recorded_together(store: JournalStore) -> None:
    last = EndRun(step("z", {"n": 1}), CloseRun("r1", "succeeded", {"outputs": {}}))
    replies = store.commit([opening(), step("a", 1), last, opening("r2")], at=1.0)
    record = StepRecord("r1", "z", 1, "succeeded", {"n": 1}, 1.0)
    assert replies[2] == Ended(record, "succeeded")
    kept = store.load("r1")
    assert kept is not None
    assert (kept.status, kept.outcome, kept.closed_at) == ("succeeded", {"outputs": {}}, 1.0)
    assert [*kept.steps] == ["a", "z"]
    assert store.commit([last], at=2.0) == [Ended(record, "succeeded")], "asked again it is the same"
    assert store.load("r1") == kept


def test_a_run_does_not_end_with_a_result_that_does_not_stand(store: JournalStore) -> None:
    store.commit([opening(), step("z", {"n": 1})], at=1.0)
    (reply,) = store.commit([EndRun(step("z", {"n": 2}), CloseRun("r1", "succeeded"))], at=2.0)
    assert reply == Ended(StepRecord("r1", "z", 1, "succeeded", {"n": 1}, 1.0), None)
    kept = store.load("r1")
    assert kept is not None
    assert (kept.status, kept.outcome) == ("running", None)
    (same,) = store.commit([EndRun(step("z", {"n": 1}, attempt=2), CloseRun("r1", "succeeded"))], at=3.0)
    assert same == Ended(StepRecord("r1", "z", 1, "succeeded", {"n": 1}, 1.0), "succeeded")


def test_a_last_step_of_a_run_that_has_ended_otherwise_leaves_its_end_alone(store: JournalStore) -> None:
    store.commit([opening(), CloseRun("r1", "cancelled", None)], at=1.0)
    (reply,) = store.commit([EndRun(step("z", 1), CloseRun("r1", "succeeded"))], at=2.0)
    assert isinstance(reply, Ended)
    assert reply.status == "cancelled"


def test_a_last_step_of_a_run_that_nobody_opened_is_refused_alone(store: JournalStore) -> None:
    lost = EndRun(step("z", 1, run_id="ghost"), CloseRun("ghost", "succeeded"))
    fine = EndRun(step("z", 1), CloseRun("r1", "succeeded"))
    replies = store.commit([opening(), lost, fine], at=1.0)
    assert isinstance(replies[1], UnknownRunError)
    assert isinstance(replies[2], Ended)


def test_a_large_last_result_ends_its_run_too(store: JournalStore) -> None:
    text = "lorem ✓ " * 100_000
    large = EndRun(step("z", {"text": text}), CloseRun("r1", "succeeded", {"outputs": {"text": text}}))
    (_, reply) = store.commit([opening(), large], at=1.0)
    assert isinstance(reply, Ended)
    assert (reply.status, reply.step.result) == ("succeeded", {"text": text})
    kept = store.load("r1")
    assert kept is not None
    assert (kept.steps["z"].result, kept.outcome) == ({"text": text}, {"outputs": {"text": text}})
    assert store.commit([large], at=2.0) == [reply]


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


def test_unfinished_runs_are_the_same_read_together_as_one_by_one(store: JournalStore) -> None:
    store.commit([opening("r1"), opening("r2"), opening("r3"), step("b", 1, run_id="r2")], at=1.0)
    store.commit([step("z", [2], run_id="r1"), step("a", "x", run_id="r2"), step("a", None, run_id="r1")], at=2.0)
    store.commit([step("a", 3, run_id="r3"), CloseRun("r3", "succeeded", None), opening("r0")], at=3.0)
    found = store.unfinished()
    assert found == tuple(store.load(run_id) for run_id in ("r1", "r2", "r0"))
    assert [list(run.steps) for run in found] == [["z", "a"], ["b", "a"], []], "in the order of their recording"


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


# ---- operations on whole runs --------------------------------------------------------------------------------


BIG = "x" * 300_000


def ended(
    store: JournalStore, run_id: str = "r1", status: str = "failed", at: float = 1.0, key: str | None = None
) -> None:
    store.commit(
        [
            opening(run_id, key=key, inputs={"topic": "secret"}),
            step("a", {"text": "secret", "usage": {"input_tokens": 3}, "cost_usd": "0.5"}, run_id),
            step("loop[0]/b", {"text": BIG}, run_id),
            step("c", {"error": {"code": "timeout", "message": "secret"}}, run_id, status="failed"),
            CloseRun(run_id, status, {"outputs": {"a": BIG}, "cost_usd": "0.5"}),
        ],
        at,
    )


def test_a_run_is_opened_with_results_of_another_in_their_order_and_that_one_stays(store: JournalStore) -> None:
    ended(store)
    before = store.load("r1")
    order = TakeOverRun(opening("r2", key="again"), "r1", ("loop[0]/b", "a"))
    assert store.operate(order, 9.0) == ("r2", True)
    assert store.operate(order, 10.0) == ("r2", False)
    run = store.load("r2")
    assert run is not None
    assert list(run.steps) == ["a", "loop[0]/b"]
    assert run.steps["loop[0]/b"].result == {"text": BIG}
    assert (run.opened_at, run.steps["a"].at, run.status) == (9.0, 1.0, "running")
    assert run.steps["a"].run_id == "r2"
    assert store.load("r1") == before


def test_nothing_is_opened_when_the_other_run_does_not_have_all_of_it(store: JournalStore) -> None:
    ended(store)
    with pytest.raises(RunChangedError):
        store.operate(TakeOverRun(opening("r2"), "r1", ("a", "gone")), 9.0)
    with pytest.raises(RunChangedError):
        store.operate(TakeOverRun(opening("r2"), "nobody", ("a",)), 9.0)
    assert store.load("r2") is None
    assert store.commit([step("d", 1)], 10.0)[0] != [], "the store works on"


def test_a_failed_run_becomes_unfinished_again_and_what_no_longer_stands_is_kept_apart(store: JournalStore) -> None:
    ended(store)
    order = ReopenRun("r1", "text", "hash-2", {"reopened_at": 5.0}, ("c",), 1)
    assert store.operate(order, 5.0) is True
    assert [run.run_id for run in store.unfinished()] == ["r1"]
    store.commit([step("c", "now")], 6.0)
    run = store.load("r1")
    assert run is not None
    assert (run.definition, run.definition_hash, run.meta, run.outcome) == (
        "text",
        "hash-2",
        {"reopened_at": 5.0},
        None,
    )
    assert run.steps["c"].result == "now"
    assert run.steps[f"{FORMER}[1]/c"].status == "failed"
    assert store.operate(order, 7.0) is False, "it has not failed"


@pytest.mark.parametrize("status", ["succeeded", "cancelled"])
def test_only_a_failed_run_is_opened_again(store: JournalStore, status: str) -> None:
    ended(store, status=status)
    assert store.operate(ReopenRun("r1", "text", "hash", {}, (), 1), 5.0) is False
    assert store.operate(ReopenRun("nobody", "text", "hash", {}, (), 1), 5.0) is False


def test_the_oldest_finished_runs_are_forgotten_with_steps_and_keys(store: JournalStore) -> None:
    for number in range(5):
        ended(store, f"r{number}", at=float(number), key=f"k{number}")
    store.commit([opening("live")], 0.0)
    assert store.operate(ForgetRuns(before=3.0, limit=2), 10.0) == 2
    assert store.operate(ForgetRuns(before=3.0, limit=2), 10.0) == 1
    assert store.operate(ForgetRuns(before=3.0, limit=2), 10.0) == 0
    assert {each.run_id for each in store.recent(10)} == {"r3", "r4", "live"}
    kept = store.load("r3")
    assert kept is not None
    assert kept.steps["loop[0]/b"].result == {"text": BIG}, "a large value goes with its last owner only"
    assert store.commit([opening("new", key="k0")], 11.0) == [("new", True)]
    assert store.commit([step("a", 1, run_id="r0")], 11.0)[0].__class__ is UnknownRunError


def test_content_goes_while_status_usage_and_cost_stay(store: JournalStore) -> None:
    ended(store, "old", at=1.0)
    ended(store, "young", at=100.0)
    assert store.operate(BlankRuns(before=50.0, at=200.0, limit=10), 200.0) == 1
    assert store.operate(BlankRuns(before=50.0, at=200.0, limit=10), 200.0) == 0
    run = store.load("old")
    assert run is not None
    assert "secret" not in repr(run)
    assert BIG not in repr(run)
    assert run.status == "failed"
    assert run.steps["a"].result == {"usage": {"input_tokens": 3}, "cost_usd": "0.5", "blanked": True}
    failure = run.steps["c"].result
    assert isinstance(failure, dict)
    assert "timeout" in repr(failure["error"])
    assert run.meta["blanked_at"] == 200.0
    assert "secret" in repr(store.load("young"))
    assert store.operate(ReopenRun("old", "text", "hash", {}, (), 1), 5.0) is False


def test_a_vacuum_leaves_everything_as_it_was(store: JournalStore) -> None:
    ended(store)
    before = store.load("r1")
    assert isinstance(store.operate(Vacuum(), 2.0), Vacuumed)
    assert store.load("r1") == before
    store.commit([opening("r2")], 3.0)


def test_a_large_result_is_read_in_parts_also_beside_small_ones(store: JournalStore) -> None:
    ended(store)
    first = store.kept_text("r1", "loop[0]/b", 0, 10)
    rest = store.kept_text("r1", "loop[0]/b", 10, 1_000_000)
    assert first is not None
    assert rest is not None
    assert first.part + rest.part == b'{"text":"' + BIG.encode() + b'"}'
    assert first.size_bytes == len(BIG) + 11
    assert store.kept_text("r1", "nothing", 0, 10) is None


def test_the_outcome_is_read_in_parts_as_results_are(store: JournalStore) -> None:
    ended(store)
    first = store.kept_text("r1", None, 0, 13)
    rest = store.kept_text("r1", None, 13, 1_000_000)
    assert first is not None
    assert rest is not None
    assert first.part + rest.part == b'{"outputs":{"a":"' + BIG.encode() + b'"},"cost_usd":"0.5"}'
    assert first.sha256 == rest.sha256
    assert store.kept_text("nobody", None, 0, 10) is None


def test_a_run_is_loaded_with_the_steps_below_a_path_alone(store: JournalStore) -> None:
    ended(store)
    run = store.load("r1", under="loop[")
    assert run is not None
    assert list(run.steps) == ["loop[0]/b"]
    percent = store.load("r1", under="%")
    assert percent is not None
    assert percent.steps == {}, "a path is no pattern"


def test_without_large_values_what_is_small_of_them_is_there(store: JournalStore) -> None:
    ended(store)
    run = store.load("r1", whole=False)
    assert run is not None
    assert run.steps["a"].result == {"text": "secret", "usage": {"input_tokens": 3}, "cost_usd": "0.5"}
    outcome = run.outcome
    assert isinstance(outcome, dict)
    assert outcome["cost_usd"] == "0.5"
    stored = run.steps["loop[0]/b"].stored
    if stored is not None:  # in memory nothing is kept apart
        assert run.steps["loop[0]/b"].result == {}
        assert stored.size_bytes == len(BIG) + 11


# ---- what lasts ----------------------------------------------------------------------------------------------


def execute(place: JournalPlace, *statements: str) -> None:
    """Changes a closed journal behind its store's back."""
    if isinstance(place, SqliteFile):
        with closing(sqlite3.connect(place.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)
        return
    assert isinstance(place, UrlPlace)
    from sqlalchemy import create_engine, text

    engine = create_engine(place.url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def lasting(place: JournalPlace) -> JournalPlace:
    """A place outside of the process, with a run in it that has failed."""
    if isinstance(place, MemoryStore):
        pytest.skip("memory lasts as long as its node")
    store = place.open()
    ended(store)
    store.close()
    return place


@pytest.mark.parametrize(
    "damage", ["DELETE FROM blobs", "UPDATE blobs SET body = substr(body, 2)"], ids=["gone", "changed"]
)
def test_a_large_value_that_is_not_what_was_written_is_lost_alone(lasting: JournalPlace, damage: str) -> None:
    execute(lasting, damage)
    store = lasting.open()
    run = store.load("r1")
    assert run is not None
    assert run.steps["a"].result == {"text": "secret", "usage": {"input_tokens": 3}, "cost_usd": "0.5"}
    assert isinstance(run.steps["loop[0]/b"].result, LostResult)
    with pytest.raises(ResultLostError, match=r"loop\[0\]/b"):
        store.kept_text("r1", "loop[0]/b", 0, 10)
    assert store.commit([opening("r2"), step("d", 1)], 10.0)[0] == ("r2", True)
    store.close()


def test_a_newer_schema_is_refused_with_its_version_and_left_as_it_is(lasting: JournalPlace) -> None:
    execute(lasting, "INSERT INTO schema_version VALUES (99, 1.0)")
    for _ in range(2):
        with pytest.raises(JournalSchemaError, match="schema version 99, this evopipe knows versions up to") as refused:
            lasting.open()
        assert "run the newer evopipe that wrote it" in refused.value.fix
    execute(lasting, "DELETE FROM schema_version WHERE version = 99")
    store = lasting.open()
    assert [run.run_id for run in store.recent(5)] == ["r1"]
    store.close()


@pytest.mark.parametrize("version", [-4, 10_000_000])
def test_a_schema_that_nobody_wrote_is_called_damaged(lasting: JournalPlace, version: int) -> None:
    execute(lasting, "DELETE FROM schema_version", f"INSERT INTO schema_version VALUES ({version}, 1.0)")
    with pytest.raises(JournalUnavailableError, match=f"claims the schema version {version}"):
        lasting.open()


def migrated(place: JournalPlace, more: str) -> int:
    """Brings a closed journal to one version more than this evopipe knows; the version."""
    if isinstance(place, SqliteFile):
        with closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
            return schema.migrate(connection, 2.0, "x", (*schema.MIGRATIONS, f"{more};"))
    assert isinstance(place, UrlPlace)
    from sqlalchemy import create_engine

    from actors.journal.url.migrations import MIGRATIONS, migrate

    engine = create_engine(place.url)
    try:
        with engine.connect() as connection:
            return migrate(connection, 2.0, "x", (*MIGRATIONS, (more,)))
    finally:
        engine.dispose()


def test_an_older_schema_becomes_the_newest_and_keeps_its_rows(lasting: JournalPlace) -> None:
    version = migrated(lasting, "ALTER TABLE runs ADD COLUMN mood TEXT")
    execute(lasting, "UPDATE runs SET mood = 'well' WHERE run_id = 'r1' AND status = 'failed'")
    assert migrated(lasting, "a script that has been applied is not looked at") == version
    with pytest.raises(JournalSchemaError, match=f"schema version {version},"):
        lasting.open()


def test_a_migration_that_breaks_leaves_the_version_before(lasting: JournalPlace) -> None:
    with pytest.raises(Exception, match="nothing"):
        migrated(lasting, "ALTER TABLE nothing ADD COLUMN x TEXT")
    store = lasting.open()
    assert [run.run_id for run in store.recent(5)] == ["r1"]
    store.close()


def test_a_name_that_a_store_cannot_keep_fails_alone(store: JournalStore) -> None:
    replies = store.commit([opening(), step("a\ud800", 1), step("b", 2)], at=1.0)
    assert isinstance(replies[2], StepRecord)
