from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.disk import StateFileError, move_aside, read_whole, replace_whole


def names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_whole(tmp_path / "state.json", 10) is None


def test_what_is_written_is_read_for_the_owner_only_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    before = os.umask(0)
    try:
        replace_whole(path, b"first")
        replace_whole(path, b"second")
    finally:
        os.umask(before)
    assert read_whole(path, 6) == b"second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["state.json"]


def test_a_write_that_the_disk_refuses_leaves_the_old_state_and_no_scraps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    replace_whole(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        replace_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["state.json"]


def test_a_file_that_is_too_large_or_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"x" * 11)
    with pytest.raises(StateFileError, match="larger than 10 bytes"):
        read_whole(path, 10)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StateFileError, match="not a regular file"):
        read_whole(pipe, 10)


def test_a_file_moved_aside_never_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for number in range(3):
        path.write_text(str(number))
        move_aside(path)
    assert names(tmp_path) == [
        "state.json.unreadable",
        "state.json.unreadable.2",
        "state.json.unreadable.3",
    ]
    assert (tmp_path / "state.json.unreadable").read_text() == "0"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_damaged_file_is_kept_beside_the_new_one_and_there_is_a_file_at_every_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"damaged")
    there: list[bool] = []
    replace = Path.replace

    def watched(source: Path, target: Path) -> Path:
        there.append(path.exists())
        return replace(source, target)

    def refused(_self: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "replace", watched)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refused)
    replace_whole(path, b"new", keep_former=True)
    assert (path.read_bytes(), (tmp_path / "state.json.unreadable").read_bytes()) == (b"new", b"damaged")
    assert names(tmp_path) == ["state.json", "state.json.unreadable"]
    if links:
        assert there == [True]


def test_keeping_what_was_there_needs_nothing_to_be_there(tmp_path: Path) -> None:
    replace_whole(tmp_path / "state.json", b"new", keep_former=True)
    assert names(tmp_path) == ["state.json"]


def test_a_directory_in_the_files_place_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.mkdir()
    replace_whole(path, b"new", keep_former=True)
    assert path.read_bytes() == b"new"
    assert (tmp_path / "state.json.unreadable").is_dir()
