"""What fsck finds in a journal that is damaged in one way each: where, how bad, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors.audit import AuditPlace, decisions, note_offline
from actors.journal import CloseRun, OpenRun, RecordStep, SqliteFile
from actors.sessions.store import NewTurn, SessionStore
from actors.treasury.ledger import Ledger
from pipelines.guardrails.budget import Bound
from pipelines.language import load_pipeline
from runtime.upkeep import check_state

PIPELINE = "name: p\nsteps: [{name: a, type: test_echo, value: 1}]\n"

DAMAGE = {
    "a result that is no JSON": ("UPDATE steps SET result = '{half'", "error", "is not what was written"),
    "a definition that is no JSON": ("UPDATE runs SET definition = 'half'", "error", "definition is not what was"),
    "a large value that was changed": ("UPDATE blobs SET body = x'00'", "error", "large value is not what was"),
    "a large value that is gone": ("DELETE FROM blobs", "error", "is missing"),
    "an orphan value": ("INSERT INTO blobs (sha256, body) VALUES (lower(hex(zeroblob(32))), x'00')", "error", "nobody"),
    "a run that is gone": ("DROP TRIGGER steps_go_with_their_run; DELETE FROM runs", "error", "is not there"),
    "a status that is none": ("UPDATE runs SET finished = 0 WHERE status = 'succeeded'", "error", "marked as"),
    "a newer schema": ("INSERT INTO schema_version VALUES (99, 1.0)", "error", "schema version 99"),
    "another definition": (
        "UPDATE runs SET definition_hash = 'other', status = 'running', finished = 0", "warning", "definition_changed"
    ),
    "a definition that does not load": (
        "UPDATE runs SET definition = '\"name: x\"', status = 'running', finished = 0", "warning", "does not hold"
    ),
}  # fmt: skip


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    """A state with a finished run that has a large result, and an unfinished one."""
    directory = tmp_path / "state"
    store = SqliteFile(directory / "journal.sqlite3").open()
    store.commit([_opened("done"), RecordStep("done", "a", 1, "succeeded", "x" * 300_000)], 1.0)
    store.commit([CloseRun("done", "succeeded", {}), _opened("live")], 2.0)
    store.close()
    return directory


def _opened(run_id: str) -> OpenRun:
    return OpenRun(run_id, "p", PIPELINE, load_pipeline(PIPELINE).content_hash, {}, {})


def test_a_sound_state_has_no_findings_also_while_somebody_writes(state_dir: Path) -> None:
    assert list(check_state(state_dir)) == []
    store = SqliteFile(state_dir / "journal.sqlite3").open()
    store.commit([_opened("another")], 3.0)
    assert list(check_state(state_dir)) == []
    store.close()


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_each_damage_is_told_with_its_place_and_what_to_do(state_dir: Path, damage: str) -> None:
    script, level, sentence = DAMAGE[damage]
    journal = state_dir / "journal.sqlite3"
    with closing(sqlite3.connect(journal)) as connection:
        connection.executescript(script)
    findings = list(check_state(state_dir))
    assert any(each.level == level and sentence in each.problem for each in findings), findings
    assert all(each.fix and str(journal) in each.place for each in findings)
    if level == "warning":
        assert not [each for each in findings if each.level == "error"]


def test_a_state_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    (finding,) = check_state(tmp_path / "nothing")
    assert finding.level == "error"
    assert "EVOPIPE_STATE_DIR" in finding.fix


# ---- beside the journal --------------------------------------------------------------------------------------


@pytest.fixture
def full_state(state_dir: Path) -> Path:
    """A state with the files of every other part as well."""
    sessions = SessionStore(state_dir / "sessions.sqlite3")
    sessions.keep(NewTurn("tutor", "t1", "r", "q", "a", {"text": "a"}, 0, 0, durable=True), 1.0)
    sessions.close()
    ledger = Ledger(state_dir / "treasury.sqlite3")
    ledger.set_limit("day", Bound(tokens=5), "ann", "a test", 1.0)
    ledger.close()
    for number in range(3):
        note_offline(AuditPlace.of(state_dir), decisions.session_forgotten(float(number), "ann", f"s{number}"))
    for name, content in (
        ("breakers.json", '{"version": 1, "breakers": []}'),
        ("kill_switches.json", '{"version": 1, "triggered": []}'),
        ("patterns.json", '{"version": 1, "patterns": []}'),
    ):
        (state_dir / name).write_text(content, encoding="utf-8")
        (state_dir / name).chmod(0o600)
    kept = state_dir / "evolution" / "e1" / "ledger.jsonl"
    kept.parent.mkdir(parents=True, mode=0o700)
    kept.write_text('{"kind":"opened"}\n{"kind":"generation"}\n', encoding="utf-8")
    (kept.parent / "of_a_run.json").write_text("no JSON at all", encoding="utf-8")
    (state_dir / "evolution").chmod(0o700)
    return state_dir


def rewritten(path: Path, was: str, now: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now, 1), encoding="utf-8")


def by_sql(name: str, script: str) -> Callable[[Path], None]:
    def damage(state: Path) -> None:
        with closing(sqlite3.connect(state / name)) as connection:
            connection.executescript(script)

    return damage


ELSEWHERE: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "an edited entry of the audit log": (
        lambda state: rewritten(state / "audit" / "audit-000001.jsonl", '"s1"', '"s9"'),
        "audit-000001.jsonl:2", "the audit log",
    ),
    "an audit log that was cut": (
        lambda state: rewritten(
            state / "audit" / "audit-000001.jsonl",
            (state / "audit" / "audit-000001.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[2], "",
        ),
        "audit-000001.jsonl", "the audit log",
    ),
    "a breaker of no known kind": (
        lambda state: rewritten(state / "breakers.json", "[]", '[{"name": "x"}]'),
        "breakers.json", "not what was written",
    ),
    "a newer state of the kill switches": (
        lambda state: rewritten(state / "kill_switches.json", '"version": 1', '"version": 9'),
        "kill_switches.json", "expected version 1, found 9",
    ),
    "half a file of patterns": (
        lambda state: rewritten(state / "patterns.json", '"patterns": []}', ""),
        "patterns.json", "not what was written",
    ),
    "a session's answer that is no JSON": (
        by_sql("sessions.sqlite3", "UPDATE turn SET result = '{half'"), "sessions.sqlite3", "session 'tutor', turn 1"
    ),
    "a session without its turns": (
        by_sql("sessions.sqlite3", "DELETE FROM turn"),
        "sessions.sqlite3", "counts 1 turns, but its last one is missing",
    ),
    "a ledger with a debt that nobody has": (
        by_sql(
            "treasury.sqlite3",
            "INSERT INTO charges VALUES ('r', 's', 'c', 'a', '2026-01-01', 1.0, '', '', '', '', '', '', -5, 0)",
        ),
        "treasury.sqlite3", "-5 tokens",
    ),
    "a limit that is no amount": (
        by_sql("treasury.sqlite3", "UPDATE limits SET usd = 'much'"), "treasury.sqlite3", "'much' is no amount"
    ),
    "a ledger of a newer evopipe": (
        by_sql("treasury.sqlite3", "PRAGMA user_version = 7"), "treasury.sqlite3", "schema version 7"
    ),
    "an evolution's ledger with a line that is none": (
        lambda state: rewritten(state / "evolution" / "e1" / "ledger.jsonl", '{"kind":"opened"}', "half"),
        "ledger.jsonl", "line 1 is not a ledger line",
    ),
}  # fmt: skip


def test_every_part_of_a_sound_state_is_sound(full_state: Path) -> None:
    workspace = full_state / "workspace"
    workspace.mkdir()
    (workspace / "made_by_a_run.json").write_text("no JSON at all", encoding="utf-8")
    assert list(check_state(full_state, workspace=workspace)) == []


@pytest.mark.parametrize("damage", list(ELSEWHERE))
def test_damage_beside_the_journal_is_told_with_its_place_and_what_to_do(full_state: Path, damage: str) -> None:
    do, place, sentence = ELSEWHERE[damage]
    do(full_state)
    findings = list(check_state(full_state))
    assert findings
    assert all(each.level == "error" and each.fix for each in findings)
    assert any(place in each.place and sentence in each.problem for each in findings), findings


def test_an_emptied_database_is_told(full_state: Path) -> None:
    (full_state / "treasury.sqlite3").write_bytes(b"")
    (finding,) = check_state(full_state)
    assert (finding.level, "it is empty" in finding.problem) == ("warning", True)
