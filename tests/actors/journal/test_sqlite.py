"""The SQLite store: its file, its failures, its migrations. What all stores share is in tests/contracts."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.journal import (
    JournalError,
    JournalSchemaError,
    JournalUnavailableError,
    NotJsonError,
    OpenRun,
    RecordStep,
    SqliteFile,
    SqliteStore,
    StepRecord,
)
from actors.journal.failures import explain
from actors.journal.schema import MIGRATIONS, migrate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteFile(path).open()
    yield opened
    opened.close()


def opening(run_id: str = "r1") -> OpenRun:
    return OpenRun(run_id, "p", {}, "h", {})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_are_the_owners_alone(store: SqliteStore, path: Path) -> None:
    store.commit([opening()], at=1.0)
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    assert (path.parent / "journal.db-wal").exists()


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    SqliteFile(path).open().close()
    assert mode(path) == 0o600


def test_a_symlink_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnavailableError, match=r"journal\.db.*Fix: "):
        SqliteFile(tmp_path / "journal.db").open()
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_refuses_the_record_and_keeps_what_was_there(path: Path) -> None:
    store = SqliteFile(path, max_bytes=200_000).open()
    store.commit([opening()], at=1.0)
    with pytest.raises(JournalUnavailableError, match="disk is full") as failure:
        store.commit(
            [RecordStep("r1", "small", 1, "succeeded", 1), RecordStep("r1", "big", 1, "ok", "x" * 500_000)], 2.0
        )
    assert str(path) in str(failure.value)
    assert "Fix: free space" in str(failure.value)
    run = store.load("r1")
    assert run is not None
    assert run.steps == {}
    assert isinstance(store.commit([RecordStep("r1", "small", 1, "succeeded", 1)], at=3.0)[0], StepRecord)
    store.close()


def test_a_disk_with_space_again_is_used_without_a_restart(path: Path) -> None:
    cramped = SqliteFile(path, max_bytes=200_000).open()
    cramped.commit([opening()], at=1.0)
    with pytest.raises(JournalUnavailableError):
        cramped.commit([RecordStep("r1", "big", 1, "succeeded", "x" * 500_000)], at=2.0)
    cramped.close()
    roomy = SqliteFile(path).open()
    assert isinstance(roomy.commit([RecordStep("r1", "big", 1, "succeeded", "x" * 500_000)], at=3.0)[0], StepRecord)
    roomy.close()


def test_a_file_that_is_no_database_is_named_with_the_way_out(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is not a database, it is a letter to my aunt" * 100)
    with pytest.raises(JournalUnavailableError, match="not an SQLite database") as failure:
        SqliteFile(path).open()
    assert "move it aside" in failure.value.fix
    assert path.read_bytes().startswith(b"this is not"), "the file is evidence and is left alone"


def test_a_database_that_gets_corrupt_while_running_fails_the_commit(path: Path) -> None:
    store = SqliteFile(path).open()
    store.commit([opening()], at=1.0)
    store.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 60_000)
    damaged: list[JournalError] = []
    for attempt in range(2):
        with pytest.raises(JournalUnavailableError) as failure:
            SqliteFile(path).open().commit([RecordStep("r1", f"s{attempt}", 1, "succeeded", 1)], at=2.0)
        damaged.append(failure.value)
    assert all("corrupt" in str(error) for error in damaged)


def test_a_directory_in_place_of_the_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError, match="cannot be opened") as failure:
        SqliteFile(tmp_path).open()
    assert str(tmp_path) in str(failure.value)


def test_a_read_only_database_is_explained(path: Path) -> None:
    SqliteFile(path).open().close()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as refused:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    error = explain(refused.value, str(path))
    assert "read-only" in str(error)
    assert "writable" in error.fix


def test_a_database_locked_by_another_process_is_explained(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.journal.sqlite._LOCK_WAIT_S", 0.01)
    store = SqliteFile(path).open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnavailableError, match="another process"):
        store.commit([opening()], at=1.0)
    other.execute("ROLLBACK")
    other.close()
    assert store.commit([opening()], at=1.0) == [("r1", True)]
    store.close()


def test_a_value_that_json_cannot_carry_is_refused_alone(store: SqliteStore) -> None:
    replies = store.commit(
        [
            opening(),
            RecordStep("r1", "object", 1, "succeeded", object()),  # pyright: ignore[reportArgumentType]
            RecordStep("r1", "nan", 1, "succeeded", float("nan")),
            RecordStep("r1", "half a character \ud83d", 1, "succeeded", 1),
            RecordStep("r1", "good", 1, "succeeded", 1),
        ],
        at=1.0,
    )
    assert [type(reply) for reply in replies[1:]] == [NotJsonError, NotJsonError, NotJsonError, StepRecord]
    assert "plain JSON" in str(replies[1])


def test_a_file_of_a_newer_version_is_refused_and_named(path: Path) -> None:
    SqliteFile(path).open().close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 1.0)")
    connection.close()
    with pytest.raises(JournalSchemaError, match=r"version 99.*newer evopipe"):
        SqliteFile(path).open()


def test_a_version_that_nobody_wrote_is_called_corrupt_and_not_newer(path: Path) -> None:
    SqliteFile(path).open().close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO schema_version VALUES (34359738312, 1.0)")
    connection.close()
    with pytest.raises(JournalUnavailableError, match=r"corrupt .*34359738312.*Fix: restore it"):
        SqliteFile(path).open()


def test_a_full_disk_still_lets_what_is_there_be_read(path: Path) -> None:
    store = SqliteFile(path, max_bytes=200_000).open()
    store.commit([OpenRun("r", "p", "text", "hash", {}, {}, None)], 1.0)
    with pytest.raises(JournalUnavailableError):
        store.commit([RecordStep("r", "s", 1, "succeeded", "x" * 400_000)], 2.0)
    known = store.load("r")
    assert known is not None
    assert known.steps == {}
    store.commit([RecordStep("r", "s", 1, "succeeded", "small")], 3.0)
    store.close()


def test_an_older_file_is_migrated_and_keeps_its_rows() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert migrate(connection, 1.0, "x", MIGRATIONS) == len(MIGRATIONS)
    connection.execute(
        "INSERT INTO runs (run_id, pipeline_name, definition, definition_hash, inputs, meta, status, opened_at)"
        " VALUES ('old', 'p', '{}', 'h', '{}', '{}', 'running', 1.0)"
    )
    newer = (*MIGRATIONS, "ALTER TABLE runs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'home';")
    assert migrate(connection, 2.0, "x", newer) == len(newer)
    assert migrate(connection, 3.0, "x", newer) == len(newer)
    assert connection.execute("SELECT run_id, tenant FROM runs").fetchall() == [("old", "home")]
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 1.0, "x", MIGRATIONS)
    broken = (*MIGRATIONS, "CREATE TABLE half (x); CREATE TABLE half (x);")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, 2.0, "x", broken)
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT max(version) FROM schema_version").fetchone() == (len(MIGRATIONS),)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    connection.close()
