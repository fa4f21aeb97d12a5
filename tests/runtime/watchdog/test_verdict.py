"""When the watchdog stops a node, and what it leaves on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.kill_switch import FORMAT_VERSION, Level, Switch, parse, serialise
from runtime.watchdog import Pulse, latch
from runtime.watchdog.verdict import BEAT_S, CONFIRM_S, MOST_S, Patience

STATES = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.floats(0, 3))


def look(patience: Patience, now: float, **seen: Any) -> str:
    facts: dict[str, Any] = {"asked": True, "board": True, "in_force": False, "beats": 0, **seen}
    return patience.exhausted(now, **facts)


def test_a_switch_that_is_not_put_in_force_in_time_stops_the_node() -> None:
    patience = Patience()
    assert [look(patience, at) for at in (10.0, 11.0, 10.0 + CONFIRM_S - 0.01)] == ["", "", ""]
    assert "did not put the node switch in force" in look(patience, 10.0 + CONFIRM_S)


def test_the_time_runs_from_when_it_is_asked_for_and_ends_with_the_asking() -> None:
    patience = Patience()
    assert look(patience, 0.0) == ""
    assert look(patience, 1.0, asked=False) == ""
    assert look(patience, 2.0) == ""
    assert look(patience, 2.0 + CONFIRM_S)


def test_nothing_is_stopped_before_somebody_in_the_node_looks_at_switches() -> None:
    patience = Patience()
    assert [look(patience, float(at), board=False) for at in range(30)] == [""] * 30


def test_a_switch_in_force_whose_loop_does_not_turn_any_more_stops_the_node() -> None:
    patience = Patience()
    look(patience, 0.0, asked=False)
    assert look(patience, 1.0, in_force=True, beats=7) == ""
    assert look(patience, 1.0 + BEAT_S - 0.1, in_force=True, beats=8) == ""
    assert "has not turned" in look(patience, 1.0 + BEAT_S, in_force=True, beats=8)


def test_a_loop_that_cuts_off_one_thing_after_the_other_is_at_work_and_not_blocked_but_not_for_ever() -> None:
    patience = Patience()
    look(patience, 0.0, asked=False)
    assert look(patience, 1.0, in_force=True, told=1) == ""
    busy = [look(patience, 1.0 + at, in_force=True, told=int(at) + 2) for at in (1.5, 3.0, 4.5, 6.0)]
    assert busy == [""] * 4
    assert look(patience, 7.0 + BEAT_S - 0.1, in_force=True, told=8) == ""
    assert "has not turned" in look(patience, 7.0 + BEAT_S - 0.1 + BEAT_S, in_force=True, told=8)
    patience = Patience()
    look(patience, 0.0, asked=False)
    turns = [look(patience, at / 2, in_force=True, told=at) for at in range(1, 2 * int(MOST_S) + 1)]
    assert set(turns) == {""}
    assert "has not turned" in look(patience, 0.5 + MOST_S, in_force=True, told=99)


def test_a_switch_that_was_carried_out_once_is_never_held_against_a_slow_loop() -> None:
    patience = Patience()
    look(patience, 0.0, asked=False)
    look(patience, 1.0, in_force=True, beats=7)
    assert look(patience, 1.5, in_force=True, beats=9) == ""
    assert patience.confirmed
    assert look(patience, 100.0, in_force=True, beats=9) == ""


def test_a_node_that_starts_with_its_switch_in_force_may_take_its_time() -> None:
    patience = Patience()
    assert [look(patience, float(at), in_force=True, beats=0) for at in range(10)] == [""] * 10


@given(st.lists(STATES, max_size=40))
def test_a_node_is_never_stopped_while_nobody_asks_and_nothing_is_in_force(
    seen: list[tuple[bool, bool, bool, bool, float]],
) -> None:
    patience, now, beats = Patience(), 0.0, 0
    for asked, board, in_force, turned, passed in seen:
        now, beats = now + passed, beats + int(turned)
        why = patience.exhausted(now, asked=asked, board=board, in_force=in_force, beats=beats)
        assert not why or in_force or (asked and board)


# ---- what it leaves on the disk ----------------------------------------------------------------------------


def kept(directory: Path) -> dict[Any, Switch]:
    return parse((directory / latch.STATE_FILE).read_bytes())


def test_the_latch_writes_what_the_node_reads_and_keeps_the_switches_that_were_there(tmp_path: Path) -> None:
    known = Switch(Level.STEP, "p/ask", "dear", "ada", 1.5)
    (tmp_path / latch.STATE_FILE).write_text(serialise({known.key: known}), encoding="utf-8")
    assert latch.latch(str(tmp_path), "it hangs", 12.0)
    assert kept(tmp_path) == {
        known.key: known,
        (Level.NODE, ""): Switch(Level.NODE, "", "it hangs", latch.WHO, 12.0),
    }
    assert (latch.FORMAT_VERSION, latch.trigger_file(str(tmp_path)).exists()) == (FORMAT_VERSION, False)
    assert (tmp_path / latch.STATE_FILE).stat().st_mode & 0o777 == 0o600


def test_a_switch_that_is_latched_already_keeps_its_reason(tmp_path: Path) -> None:
    known = Switch(Level.NODE, "", "first", "ada", 1.5)
    (tmp_path / latch.STATE_FILE).write_text(serialise({known.key: known}), encoding="utf-8")
    assert latch.latch(str(tmp_path), "it hangs", 12.0)
    assert kept(tmp_path) == {known.key: known}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 9, "triggered": []}', '{"version": 1, "triggered": [1]}'])
def test_a_state_that_nobody_can_read_is_left_alone_for_it_holds_the_node_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / latch.STATE_FILE).write_text(text, encoding="utf-8")
    assert latch.latch(str(tmp_path), "it hangs", 12.0)
    assert (tmp_path / latch.STATE_FILE).read_text(encoding="utf-8") == text


def test_where_the_state_cannot_be_written_the_trigger_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(latch.os, "fsync", full)
    assert latch.latch(str(tmp_path), "it hangs", 12.0)
    assert latch.trigger_file(str(tmp_path)).read_text(encoding="utf-8") == "it hangs\n"
    assert not (tmp_path / latch.STATE_FILE).exists()


def test_a_trigger_file_of_somebody_else_is_not_taken_away(tmp_path: Path) -> None:
    trigger = latch.trigger_file(str(tmp_path))
    trigger.parent.mkdir()
    trigger.write_text("mine", encoding="utf-8")
    assert latch.latch(str(tmp_path), "it hangs", 12.0)
    assert trigger.read_text(encoding="utf-8") == "mine"


def test_the_last_line_of_the_log_has_the_logs_form(tmp_path: Path) -> None:
    latch.log(str(tmp_path / "evopipe.log"), "node_stopped_hard", reason="it hangs")
    line = json.loads((tmp_path / "evopipe.log").read_text(encoding="utf-8"))
    assert (line["event"], line["level"], line["reason"]) == ("node_stopped_hard", "critical", "it hangs")


def test_a_pulse_is_seen_by_who_maps_the_same_memory() -> None:
    import os

    ours = Pulse()
    theirs = Pulse(os.dup(ours.fd))
    assert (theirs.beats, theirs.board, theirs.in_force) == (0, False, False)
    ours.beat()
    ours.tell(in_force=True)
    assert (theirs.beats, theirs.board, theirs.in_force, theirs.told) == (1, True, True, 1)
    theirs.close()
    ours.close()
