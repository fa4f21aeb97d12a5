"""What a person does while no node is at work joins the audit log's chain."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.audit import (
    AuditFiles,
    AuditPlace,
    AuditUnavailableError,
    check_place,
    decisions,
    last_entries,
    note_offline,
)
from pipelines.guardrails.audit_chain import Decision

VACUUMED = decisions.journal_vacuumed(3.0, "ann", before=9, after=5)


@pytest.fixture
def place(tmp_path: Path) -> AuditPlace:
    return AuditPlace.of(tmp_path)


def write(place: AuditPlace, *made: Decision) -> None:
    files = AuditFiles(place)
    files.open()
    files.append(made)
    files.close()


def last_action(place: AuditPlace) -> str:
    files = AuditFiles(place)
    try:
        return files.open().last_action
    finally:
        files.close()


def actions(place: AuditPlace) -> list[str]:
    return [entry.action for entry in last_entries(place.directory, 10)]


def test_it_joins_the_chain_and_does_not_hide_how_the_last_node_ended(place: AuditPlace) -> None:
    write(place, decisions.node_stopped(2.0, None))
    note_offline(place, VACUUMED)
    note_offline(place, VACUUMED)
    assert actions(place) == ["node.stopped", "journal.vacuumed", "journal.vacuumed"]
    assert check_place(place).is_sound
    assert last_action(place) == "node.stopped"
    write(place, decisions.session_forgotten(4.0, "ann", "s"), VACUUMED)
    assert last_action(place) == "session.forgotten"


def test_a_log_that_nobody_has_begun_is_begun(place: AuditPlace) -> None:
    note_offline(place, VACUUMED)
    assert (actions(place), last_action(place)) == (["journal.vacuumed"], "")


def test_what_was_found_wrong_with_the_log_is_noted_before_it(place: AuditPlace) -> None:
    write(place, decisions.node_stopped(2.0, None))
    with (place.directory / "audit-000001.jsonl").open("ab") as file:
        file.write(b'{"number": 2, "at')
    note_offline(place, VACUUMED)
    assert actions(place) == ["node.stopped", "audit.repaired", "journal.vacuumed"]
    assert check_place(place).is_sound


def test_a_log_that_cannot_be_written_is_told(place: AuditPlace) -> None:
    place.directory.write_text("in the way", encoding="utf-8")
    with pytest.raises(AuditUnavailableError, match="cannot be written"):
        note_offline(place, VACUUMED)
