"""What a machine that went down, a bad disk or another process leaves of a journal."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from actors.journal import CloseRun, JournalUnavailableError, OpenRun, RecordStep, SqliteFile

COMMITS = 40
SEED = random.SystemRandom().randrange(1_000_000)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal as a killed node leaves it: everything is still in the -wal. Each commit holds a run and two steps."""
    place = tmp_path_factory.mktemp("crashed")
    store = SqliteFile(place / "live.db").open()
    for number in range(COMMITS):
        run_id = f"r{number}"
        store.commit(
            [
                OpenRun(run_id, "p", {"text": "x" * 500}, "h", {}),
                RecordStep(run_id, "a", 1, "succeeded", number),
                RecordStep(run_id, "b", 1, "succeeded", "y" * (number * 97)),
            ],
            at=float(number),
        )
    for suffix in ("", "-wal"):
        shutil.copy(place / f"live.db{suffix}", place / f"journal.db{suffix}")
    store.close()
    return place / "journal.db"


def copied(crashed: Path, place: Path) -> Path:
    for suffix in ("", "-wal"):
        shutil.copy(f"{crashed}{suffix}", place / f"journal.db{suffix}")
    return place / "journal.db"


def assert_whole_commits_in_order(path: Path) -> int:
    """What is there is the first so many commits, each whole; more can be written. Returns how many."""
    store = SqliteFile(path).open()
    found = store.unfinished()
    assert [run.run_id for run in found] == [f"r{number}" for number in range(len(found))]
    for number, run in enumerate(found):
        assert {name: step.result for name, step in run.steps.items()} == {"a": number, "b": "y" * (number * 97)}
    assert store.commit([OpenRun("later", "p", {}, "h", {}), CloseRun("later", "succeeded")], at=99.0)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return len(found)


def test_a_last_write_torn_at_any_place_costs_whole_commits_from_the_end_and_nothing_else(
    crashed: Path, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    size = Path(f"{crashed}-wal").stat().st_size
    kept: list[int] = []
    # Not shorter than the header and the first commits, which made the tables.
    cuts = sorted(rng.randrange(size // 4, size) for _ in range(25))
    for number, cut in enumerate(cuts):
        place = tmp_path / str(number)
        place.mkdir()
        path = copied(crashed, place)
        with Path(f"{path}-wal").open("r+b") as wal:
            wal.truncate(cut)
        kept.append(assert_whole_commits_in_order(path))
    assert kept == sorted(kept), f"seed {SEED}: a longer log kept less: {list(zip(cuts, kept, strict=True))}"
    assert kept[0] < COMMITS


def test_a_torn_page_within_the_last_write_is_noticed_by_its_checksum(crashed: Path, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    size = Path(f"{crashed}-wal").stat().st_size
    for number in range(15):
        place = tmp_path / str(number)
        place.mkdir()
        path = copied(crashed, place)
        with Path(f"{path}-wal").open("r+b") as wal:
            wal.seek(rng.randrange(size // 2, size - 64))
            wal.write(rng.randbytes(64))
        assert assert_whole_commits_in_order(path) < COMMITS, f"seed {SEED}, copy {number}"


@pytest.mark.parametrize("damaged", ["runs", "steps", "unfinished_runs", "sqlite_autoindex_runs_1"])
def test_a_damaged_page_is_told_when_the_journal_is_opened_and_left_as_it_is(
    crashed: Path, tmp_path: Path, damaged: str
) -> None:
    path = copied(crashed, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        page: int = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (damaged,)).fetchone()[0]
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    before = path.read_bytes()
    with pytest.raises(JournalUnavailableError, match="the database is corrupt") as failure:
        SqliteFile(path).open()
    assert "restore it from a backup" in failure.value.fix
    assert path.read_bytes() == before


def test_a_file_that_lost_its_end_is_told_when_it_is_opened_and_left_as_it_is(crashed: Path, tmp_path: Path) -> None:
    """As a power cut leaves it on a file system that had the length on its disk and not the content's."""
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    path = copied(crashed, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    whole = path.read_bytes()
    # What is missing of the last page alone is found by whoever reads that row, and by fsck.
    for length in (99, 4096, *(rng.randrange(100, len(whole) - 4096) for _ in range(20))):
        path.write_bytes(whole[:length])
        with pytest.raises(JournalUnavailableError, match="corrupt") as failure:
            SqliteFile(path).open()
        assert "restore it from a backup" in failure.value.fix
        assert path.read_bytes() == whole[:length], f"seed {SEED}, {length} bytes"


HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("CREATE TABLE IF NOT EXISTS theirs (x)")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_journal_that_another_process_keeps_for_itself_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.journal.sqlite._LOCK_WAIT_S", 0.01)
    path = tmp_path / "journal.db"
    SqliteFile(path).open().close()
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalUnavailableError, match="another process holds") as failure:
            SqliteFile(path).open()
        assert "one node owns one state directory" in failure.value.fix
        holder.communicate("", timeout=10)
    store = SqliteFile(path).open()
    assert store.commit([OpenRun("r", "p", {}, "h", {})], at=1.0) == [("r", True)]
    store.close()
