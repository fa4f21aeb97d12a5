"""Whoever asked later for a file of state wins, however long the earlier one takes."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from actors.disk import StateFileError, SupersededError, Turn, move_aside, read_whole, replace_whole
from actors.disk.turn import _orders  # pyright: ignore[reportPrivateUsage]

PATIENCE_S = 10.0


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A save of b"old" that has been asked for and is held up by the disk, until `end` lets it go on."""
    return HeldSave(monkeypatch, tmp_path / "state.json")


class HeldSave:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.path = path
        self._gate, entered = threading.Event(), threading.Event()
        fsync, mine = os.fsync, threading.local()

        def slow(descriptor: int) -> None:
            if getattr(mine, "held", False):
                mine.held = False
                entered.set()
                assert self._gate.wait(PATIENCE_S)
            fsync(descriptor)

        def save(turn: Turn) -> None:
            mine.held = True
            replace_whole(path, b"old", turn)

        monkeypatch.setattr(os, "fsync", slow)
        self._pool = ThreadPoolExecutor(1)
        self._saving: Future[None] = self._pool.submit(save, Turn(path))
        assert entered.wait(PATIENCE_S)

    def end(self) -> BaseException | None:
        self._gate.set()
        error = self._saving.exception(PATIENCE_S)
        self._pool.shutdown()
        return error


def test_a_save_that_nobody_was_later_than_is_written_however_late(held: HeldSave) -> None:
    assert held.end() is None
    assert held.path.read_bytes() == b"old"


def test_an_earlier_save_that_ends_late_leaves_the_later_one_and_no_scraps(held: HeldSave) -> None:
    replace_whole(held.path, b"new", Turn(held.path))
    error = held.end()
    assert isinstance(error, SupersededError)
    assert "asked later" in str(error)
    assert [each.name for each in held.path.parent.iterdir()] == ["state.json"]
    assert held.path.read_bytes() == b"new"


def test_what_was_read_stays_whatever_an_earlier_save_still_has_in_hand(held: HeldSave) -> None:
    assert read_whole(held.path, 10, Turn(held.path)) is None
    assert isinstance(held.end(), SupersededError)
    assert not held.path.exists()


def test_what_could_not_be_understood_stays_too(held: HeldSave) -> None:
    held.path.write_bytes(b"x" * 11)
    with pytest.raises(StateFileError):
        read_whole(held.path, 10, Turn(held.path))
    assert isinstance(held.end(), SupersededError)
    assert held.path.read_bytes() == b"x" * 11


def test_a_look_without_a_turn_stops_nobody(held: HeldSave) -> None:
    assert read_whole(held.path, 10) is None
    assert held.end() is None


def test_a_file_is_the_same_one_by_whatever_path_it_was_named(held: HeldSave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(held.path.parent)
    replace_whole(Path("state.json"), b"new", Turn(Path("state.json")))
    assert isinstance(held.end(), SupersededError)


def test_files_beside_each_other_have_an_order_each(held: HeldSave) -> None:
    other = held.path.with_name("other.json")
    replace_whole(other, b"new", Turn(other))
    assert held.end() is None


def replace_damaged(path: Path, turn: Turn) -> None:
    replace_whole(path, b"late", turn, keep_former=True)


@pytest.mark.parametrize("late", [move_aside, replace_damaged])
def test_what_comes_too_late_does_not_move_the_newer_state_aside(
    tmp_path: Path, late: Callable[[Path, Turn], object]
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"damaged")
    earlier = Turn(path)
    replace_whole(path, b"new", Turn(path), keep_former=True)
    with pytest.raises(SupersededError):
        late(path, earlier)
    assert path.read_bytes() == b"new"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["state.json", "state.json.unreadable"]


def test_orders_are_forgotten_with_the_turns(tmp_path: Path) -> None:
    for number in range(100):
        replace_whole(tmp_path / f"{number}.json", b"{}")
    gc.collect()
    kept = [path for path in _orders if path.parent == tmp_path]
    assert kept == []
