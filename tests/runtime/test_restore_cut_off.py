"""A restore that is killed: at each of its steps, before the next node's start, and with something begun since."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.treasury.ledger import Ledger
from runtime.cli import exits
from runtime.daemon import EXIT_STATE_UNUSABLE, DaemonError, InstanceLock, restore_note
from runtime.daemon.places import prepare_places
from runtime.settings import load_settings
from runtime.upkeep import back_up, check_state, finish_restore, restore
from tests.node_for_tests import ROOT, node_home


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory that a restore of saved.tar has just moved aside when it was cut off."""
    # Not tmp_path: its length would exceed what a socket's path may have on some machines.
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        place = Path(name) / "state"
        cut_off_between_its_renames(place, Path(name) / "saved.tar", monkeypatch)
        assert not place.exists()
        yield place


def cut_off_between_its_renames(place: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mkdir(mode=0o700)
    (place / "patterns.json").write_text('"backed up"', encoding="utf-8")
    back_up(place, saved, evopipe="1")
    (place / "patterns.json").write_text('"in use"', encoding="utf-8")
    renamed = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == place:
            raise KeyboardInterrupt
        return renamed(self, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "rename", rename)
        restore(saved, place, place.with_name("s"), force=True, who="ann")


def text_in(place: Path) -> str:
    return (place / "patterns.json").read_text(encoding="utf-8")


def test_a_restore_killed_at_any_step_leaves_the_old_state_or_the_new_one_whole_and_loses_neither(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    tmp_path.chmod(0o700)
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.restore_killed", str(tmp_path), str(seed)],
        capture_output=True, text=True, timeout=100, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"restored"' in done.stdout
    assert '"as before"' in done.stdout


def test_a_node_s_start_finishes_it_and_says_where_the_former_state_is(state: Path) -> None:
    assert next(each.problem for each in check_state(state)) == f"a restore of {state} was cut off, or is under way"
    home = state.parent
    places = {"HOME": str(home), "EVOPIPE_STATE_DIR": str(state), "EVOPIPE_SOCKET_PATH": f"{home}/run/s"}
    settings = load_settings(None, places)
    mended = prepare_places(settings)
    (aside,) = state.parent.glob("state.before-restore-*")
    assert mended == (
        f"a restore of saved.tar was cut off and is finished now: {state} holds it; the former state is in {aside}"
    )
    assert (text_in(state), text_in(aside)) == ('"backed up"', '"in use"')
    assert prepare_places(settings) is None


def test_what_was_begun_anew_in_between_is_left_to_a_person_but_a_triggered_switch_is_kept_to(state: Path) -> None:
    (state / "kill").mkdir(mode=0o700, parents=True)
    (state / "kill" / "node").write_text("stop\n", encoding="utf-8")
    (state / "journal.sqlite3").write_text("x", encoding="utf-8")
    with pytest.raises(DaemonError, match=f"Fix: `mv {state} {state}.begun-anew`") as told:
        finish_restore(state)
    assert told.value.exit_code == EXIT_STATE_UNUSABLE
    (state / "journal.sqlite3").unlink()
    assert finish_restore(state) is not None
    assert (text_in(state), (state / "kill" / "node").read_text(encoding="utf-8")) == ('"backed up"', "stop\n")


def test_a_switch_triggered_since_the_backup_stays_triggered(state: Path) -> None:
    assert finish_restore(state) is not None
    (state / "kill").mkdir(mode=0o700)
    (state / "kill" / "evolution").write_text("old\n", encoding="utf-8")
    (state / "kill_switches.json").write_text("old", encoding="utf-8")
    back_up(state, state.with_name("saved2.tar"), evopipe="1")
    (state / "kill_switches.json").write_text("triggered since", encoding="utf-8")
    (state / "kill" / "evolution").rename(state / "kill" / "node")
    restore(state.with_name("saved2.tar"), state, state.with_name("s"), force=True, who="ann")
    assert (state / "kill_switches.json").read_text(encoding="utf-8") == "triggered since"
    assert [path.name for path in (state / "kill").iterdir()] == ["node"]
    fresh = state.with_name("fresh")
    restore(state.with_name("saved2.tar"), fresh, state.with_name("s"), force=False, who="ann")
    assert (fresh / "kill_switches.json").read_text(encoding="utf-8") == "old"


def test_what_was_spent_since_the_backup_stays_spent_unless_the_ledger_is_damaged(state: Path) -> None:
    assert finish_restore(state) is not None
    saved, ledger = state.with_name("saved3.tar"), state / "treasury.sqlite3"

    def spend(run: str) -> None:
        with contextlib.closing(sqlite3.connect(ledger, isolation_level=None)) as file:
            file.execute("INSERT INTO runs (run, status, at) VALUES (?, 'running', 1)", (run,))

    def spent() -> list[str]:
        with contextlib.closing(sqlite3.connect(ledger)) as file:
            return [run for (run,) in file.execute("SELECT run FROM runs ORDER BY run")]

    Ledger(ledger).close()
    spend("before")
    back_up(state, saved, evopipe="1")
    spend("since")
    restore(saved, state, state.with_name("s"), force=True, who="ann")
    assert spent() == ["before", "since"]
    ledger.write_bytes(ledger.read_bytes()[:3000])
    restore(saved, state, state.with_name("s"), force=True, who="ann")
    assert spent() == ["before"]


def test_while_a_restore_is_at_work_nobody_finishes_it(state: Path) -> None:
    with InstanceLock(state.with_name(".state.restore.lock"), state), pytest.raises(DaemonError, match="is under way"):
        finish_restore(state)
    restore_note(state).write_text("{", encoding="utf-8")
    with pytest.raises(DaemonError, match="cannot be read") as told:
        finish_restore(state)
    assert "Fix: give one of them the name" in told.value.message


def test_the_same_restore_once_more_finishes_what_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    with node_home() as evopipe:
        state = evopipe.home / "state"
        evopipe.env["EVOPIPE_STATE_DIR"] = str(state)
        cut_off_between_its_renames(state, evopipe.home / "saved.tar", monkeypatch)
        again = evopipe("restore", "saved.tar", "--force")
        assert again.returncode == exits.OK, again.stderr
        assert "was cut off and is finished now" in again.stderr
        assert text_in(state) == '"backed up"'
        assert len(list(evopipe.home.glob("state.before-restore-*"))) == 1
