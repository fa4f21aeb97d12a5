"""Values that the journal keeps apart: once, checked when read, gone with the last run that has them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from actors.journal import (
    CloseRun,
    LostResult,
    OpenRun,
    RecordStep,
    ResultLostError,
    SqliteFile,
    SqliteStore,
    StepRecord,
)
from actors.journal.errors import lost
from actors.journal.large import is_heavy
from actors.journal.schema import MIGRATIONS, migrate

LIMIT = 1_000
BIG: dict[str, Any] = {"result": "x" * 5_000, "usage": {"input_tokens": 3}, "cost_usd": "0.10"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteFile(path, large_bytes=LIMIT).open()
    yield opened
    opened.close()


def with_runs(store: SqliteStore, *run_ids: str, result: Any = BIG) -> None:
    for run_id in run_ids:
        store.commit([OpenRun(run_id, "p", {}, "h", {}), RecordStep(run_id, "a", 1, "succeeded", result)], at=1.0)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement)
    connection.close()


def count(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
    connection.close()
    return found


def step_of(store: SqliteStore, run_id: str = "r1", **how: Any) -> StepRecord:
    run = store.load(run_id, **how)
    assert run is not None
    return run.steps["a"]


def test_a_large_value_is_kept_once_and_comes_back_as_it_was(store: SqliteStore, path: Path) -> None:
    with_runs(store, "r1", "r2")
    assert count(path) == 1
    known = step_of(store)
    assert known.result == BIG
    assert known.stored is not None
    assert (known.stored.size_bytes, known.stored.excerpt) == (len(json.dumps(BIG, separators=(",", ":"))), "x" * 200)
    connection = sqlite3.connect(path)
    (row,) = connection.execute("SELECT max(length(result)) FROM steps").fetchone()
    connection.close()
    assert row < LIMIT


def test_a_small_value_is_not_kept_apart(store: SqliteStore, path: Path) -> None:
    with_runs(store, "r1", result={"result": "small"})
    assert (count(path), step_of(store).stored) == (0, None)


def test_a_large_value_is_left_where_it_is_unless_it_is_asked_for(store: SqliteStore) -> None:
    with_runs(store, "r1")
    assert step_of(store, whole=False).result == {"usage": {"input_tokens": 3}, "cost_usd": "0.10"}
    assert store.unfinished()[0].steps["a"].stored is not None


def test_parts_of_a_value_come_one_after_the_other(store: SqliteStore) -> None:
    with_runs(store, "r1")
    text = json.dumps(BIG, separators=(",", ":")).encode()
    parts: list[bytes] = []
    while len(b"".join(parts)) < len(text):
        read = store.kept_text("r1", "a", sum(map(len, parts)), 999)
        assert read is not None
        parts.append(read.part)
    assert b"".join(parts) == text
    assert store.kept_text("r1", "nobody", 0, 10) is None


def test_a_large_outcome_is_kept_apart_as_well(store: SqliteStore) -> None:
    with_runs(store, "r1", result="small")
    store.commit([CloseRun("r1", "succeeded", {"outputs": {"text": "y" * 5_000}, "error": None})], at=2.0)
    run = store.load("r1")
    assert run is not None
    assert run.outcome == {"outputs": {"text": "y" * 5_000}, "error": None}
    assert run.outcome_stored is not None
    shown = store.load("r1", whole=False)
    assert shown is not None
    assert shown.outcome == {"error": None}


def test_a_value_goes_with_the_last_run_that_has_it(store: SqliteStore, path: Path) -> None:
    with_runs(store, "r1", "r2")
    change(path, "DELETE FROM runs WHERE run_id = 'r1'")
    assert (count(path), step_of(store, "r2").result) == (1, BIG)
    change(path, "DELETE FROM runs WHERE run_id = 'r2'")
    assert count(path) == 0


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM blobs",
        "UPDATE blobs SET body = substr(body, 1, 100)",
        "UPDATE blobs SET body = CAST(upper(body) AS BLOB)",
    ],
)
def test_a_lost_value_is_lost_alone(store: SqliteStore, path: Path, damage: str) -> None:
    with_runs(store, "r1")
    store.commit([RecordStep("r1", "b", 1, "succeeded", "fine")], at=2.0)
    change(path, damage)
    run = store.load("r1")
    assert run is not None
    assert run.steps["b"].result == "fine"
    value = run.steps["a"].result
    assert isinstance(value, LostResult)
    assert value["cost_usd"] == "0.10"
    with pytest.raises(ResultLostError, match="the result of step 'a' of run 'r1'"):
        value["result"]
    with pytest.raises(ResultLostError):
        store.kept_text("r1", "a", 0, 100)
    (again,) = store.commit([RecordStep("r1", "a", 2, "succeeded", BIG)], at=3.0)
    assert isinstance(again, StepRecord), "the first result stands, lost or not"
    (nested,) = store.commit([RecordStep("r1", "c", 1, "succeeded", [value])], at=3.0)
    assert isinstance(nested, ResultLostError)


def test_bytes_that_changed_on_the_disk_are_noticed(path: Path) -> None:
    store = SqliteFile(path, large_bytes=LIMIT).open()
    with_runs(store, "r1", result="needle " * 4_000)
    store.close()
    content = path.read_bytes()
    at = content.rindex(b"needle")
    path.write_bytes(content[:at] + b"noodle" + content[at + 6 :])
    store = SqliteFile(path, large_bytes=LIMIT).open()
    assert isinstance(step_of(store).result, LostResult)
    store.close()


def test_the_same_value_written_again_heals_a_damaged_one(store: SqliteStore, path: Path) -> None:
    with_runs(store, "r1")
    change(path, "UPDATE blobs SET body = x'00'")
    with_runs(store, "r2")
    assert step_of(store, "r1").result == BIG


WAYS: dict[str, Callable[[Any], object]] = {
    "str": str,
    "json": json.dumps,
    "bool": bool,
    "len": len,
    "dict": dict,
    "spread": lambda value: {**value},
    "list": list,
    "items": lambda value: value.items(),
    "copy": lambda value: value.copy(),
    "or": lambda value: value | {},
    "format": lambda value: f"{value}",
    "result": lambda value: value["result"],
    "get": lambda value: value.get("result"),
}


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("was_map", [True, False])
def test_no_way_leads_to_what_is_lost(way: str, was_map: bool) -> None:
    value = LostResult(
        lost("x", "0" * 64, 1, "is missing"), {"usage": {}} if was_map else {}, ["result"] if was_map else []
    )
    with pytest.raises(ResultLostError):
        WAYS[way](value)


def test_a_journal_of_the_version_before_keeps_its_results(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, 1.0, str(path), MIGRATIONS[:1])
    connection.execute(
        "INSERT INTO runs (run_id, pipeline_name, definition, definition_hash, inputs, meta, status, opened_at)"
        " VALUES ('r1', 'p', '{}', 'h', '{}', '{}', 'running', 1.0)"
    )
    connection.execute("INSERT INTO steps VALUES (1, 'r1', 'a', 1, 'succeeded', ?, 1.0)", (json.dumps(BIG),))
    connection.close()
    store = SqliteFile(path, large_bytes=LIMIT).open()
    assert step_of(store).result == BIG
    store.close()


def test_what_is_heavy_is_known_without_looking_at_all_of_it() -> None:
    assert not is_heavy({"a": ["x" * 400, 1, None]}, 500)
    assert is_heavy({"a": ["x" * 400, "y" * 200]}, 500)
    assert is_heavy(list[JsonValue](range(1_000_000)), 500)
