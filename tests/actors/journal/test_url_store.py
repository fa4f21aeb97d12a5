"""What is the URL store's own, beside the contract: migrations, a server that is gone, what it needs installed."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import JsonValue

from actors.journal import (
    CloseRun,
    Copied,
    JournalSchemaError,
    JournalUnavailableError,
    OpenRun,
    RecordStep,
    ReopenRun,
    SqliteFile,
    StepRecord,
    UrlPlace,
    copy_journal,
)


def url_of(directory: Path) -> str:
    return f"sqlite:///{directory / 'journal.db'}"


def test_an_older_schema_becomes_the_newest_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    from actors.journal.url.migrations import MIGRATIONS, migrate

    store = UrlPlace(url_of(tmp_path)).open()
    store.commit([OpenRun("r1", "p", "d", "h", {})], 1.0)
    store.close()
    engine = create_engine(url_of(tmp_path))
    newer = (*MIGRATIONS, ("ALTER TABLE runs ADD COLUMN tenant TEXT",))
    with engine.connect() as connection:
        assert migrate(connection, 2.0, "x", newer) == len(newer)
        with connection.begin():
            assert connection.scalar(text("SELECT run_id FROM runs WHERE tenant IS NULL")) == "r1"
    engine.dispose()
    with pytest.raises(JournalSchemaError, match="schema version 2"):
        UrlPlace(url_of(tmp_path)).open()


def test_a_migration_that_breaks_leaves_the_version_before(tmp_path: Path) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    from actors.journal.url.migrations import MIGRATIONS, migrate, version_of

    UrlPlace(url_of(tmp_path)).open().close()
    engine = create_engine(url_of(tmp_path))
    with engine.connect() as connection:
        with pytest.raises(SQLAlchemyError):
            migrate(connection, 2.0, "x", (*MIGRATIONS, ("ALTER TABLE nothing ADD COLUMN x TEXT",)))
        assert version_of(connection, "x") == len(MIGRATIONS)
    engine.dispose()


@pytest.fixture
def sqlite_journal(tmp_path: Path) -> Path:
    """With an unfinished run, one that has failed and was opened again, and values kept apart."""
    path = tmp_path / "embedded.sqlite3"
    store = SqliteFile(path).open()
    big: dict[str, JsonValue] = {"text": "ünïcode ✓" * 60_000, "cost_usd": "0.1"}
    store.commit([OpenRun("r1", "p", "text", "h", {"n": 1}, {"depth": 0}, "key")], 1.0)
    store.commit([RecordStep("r1", "loop[0]/a", 2, "succeeded", big), RecordStep("r1", "b", 1, "failed", None)], 2.0)
    store.commit([CloseRun("r1", "failed", {"outputs": big}), OpenRun("r2", "p", "text", "h", {})], 3.0)
    store.operate(ReopenRun("r1", "text", "h", {"depth": 0}, ("b",), 1), 4.0)
    store.commit([RecordStep("r2", "a", 1, "succeeded", {"odd": "\ud83d \0"}), CloseRun("r2", "succeeded", big)], 5.0)
    store.close()
    return path


def test_a_journal_is_copied_whole_and_goes_on_where_it_was(sqlite_journal: Path, tmp_path: Path) -> None:
    before = sqlite_journal.read_bytes()
    assert copy_journal(sqlite_journal, url_of(tmp_path)) == Copied(runs=2, steps=3, values=1)
    assert sqlite_journal.read_bytes() == before
    source, target = SqliteFile(sqlite_journal).open(), UrlPlace(url_of(tmp_path)).open()
    assert [target.load(run_id) for run_id in ("r1", "r2")] == [source.load(run_id) for run_id in ("r1", "r2")]
    assert target.unfinished() == source.unfinished()
    assert target.recent(10) == source.recent(10)
    assert target.commit([OpenRun("r3", "p", "text", "h", {"n": 1}, {}, "key")], 9.0) == [("r1", False)]
    assert target.commit([RecordStep("r1", "b", 1, "succeeded", 1)], 9.0)[0].__class__ is StepRecord
    source.close()
    target.close()


def test_a_database_with_runs_in_it_takes_no_other_journal(sqlite_journal: Path, tmp_path: Path) -> None:
    store = UrlPlace(url_of(tmp_path)).open()
    store.commit([OpenRun("mine", "p", "text", "h", {})], 1.0)
    store.close()
    with pytest.raises(JournalUnavailableError, match="holds runs already, so nothing was copied"):
        copy_journal(sqlite_journal, url_of(tmp_path))
    store = UrlPlace(url_of(tmp_path)).open()
    assert [run.run_id for run in store.recent(10)] == ["mine"]
    store.close()


def test_a_journal_that_is_damaged_or_of_another_version_is_not_copied_in_part(
    sqlite_journal: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(sqlite_journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        page: int = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'blobs'").fetchone()[0]
    whole = sqlite_journal.read_bytes()
    content = bytearray(whole)
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    sqlite_journal.write_bytes(content)
    with pytest.raises(JournalUnavailableError, match="the database is corrupt"):
        copy_journal(sqlite_journal, url_of(tmp_path))
    sqlite_journal.write_bytes(whole)
    with closing(sqlite3.connect(sqlite_journal)) as connection, connection:
        connection.execute("INSERT INTO schema_version VALUES (99, 1.0)")
    with pytest.raises(JournalSchemaError, match="schema version 99"):
        copy_journal(sqlite_journal, url_of(tmp_path))
    store = UrlPlace(url_of(tmp_path)).open()
    assert store.recent(10) == ()
    store.close()


def test_without_the_extra_the_way_to_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    for name in [name for name in sys.modules if name.startswith("actors.journal.url.")]:
        if name != "actors.journal.url.place":
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(JournalUnavailableError, match=r"evopipe\[postgres\]"):
        UrlPlace(url_of(tmp_path)).open()


@pytest.mark.parametrize(
    "rest",
    [
        "me:canary@/db?host=/nonexistent",
        "me@/db?host=/nonexistent&password=canary",
        "me:p@canary@/db?host=/nonexistent",
        "me:canary/db",
        "me:can@ary:canary/db",
    ],
)
def test_a_password_is_in_no_error_and_no_repr(rest: str) -> None:
    place = UrlPlace(f"postgresql+psycopg://{rest}")
    with pytest.raises(JournalUnavailableError) as refused:
        place.open()
    assert "canary" not in f"{refused.value}{place!r}"
