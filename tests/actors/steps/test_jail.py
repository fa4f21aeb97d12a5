"""The workspace jail against real directories, links and races."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.steps.errors import OutsideWorkspaceError, WorkspaceDiskError, WorkspaceFileError
from actors.steps.jail import MAX_DEPTH, Jail


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "secret.txt").write_text("secret", encoding="utf-8")
    return directory


@pytest.fixture
def jail(tmp_path: Path, outside: Path) -> Jail:
    root = tmp_path / "workspace"
    (root / "in").mkdir(parents=True)
    (root / "in" / "a.txt").write_text("inside", encoding="utf-8")
    (root / "way_out").symlink_to(outside)
    (root / "in" / "link.txt").symlink_to(outside / "secret.txt")
    (root / "dangling").symlink_to(outside / "new.txt")
    return Jail(str(root))


ATTEMPTS: list[Callable[[Jail, str], Any]] = [
    lambda jail, path: jail.read(path),
    lambda jail, path: jail.write(path, b"x"),
    lambda jail, path: jail.delete(path),
    lambda jail, path: jail.copy("in/a.txt", path),
    lambda jail, path: jail.move("in/a.txt", path),
    lambda jail, path: jail.move(path, "in/b.txt"),
    lambda jail, path: jail.look(path),
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.txt",
        "in/../../outside/secret.txt",
        "/etc/passwd",
        "way_out/secret.txt",
        "in/link.txt",
        "a\0b",
    ],
)
def test_nothing_outside_is_read_changed_or_removed(
    jail: Jail, outside: Path, attempt: Callable[[Jail, str], Any], path: str
) -> None:
    with pytest.raises(OutsideWorkspaceError):
        attempt(jail, path)
    assert (outside / "secret.txt").read_text(encoding="utf-8") == "secret"
    assert [entry.name for entry in outside.iterdir()] == ["secret.txt"]


def test_a_dangling_link_makes_no_file_outside(jail: Jail, outside: Path) -> None:
    with pytest.raises(OutsideWorkspaceError):
        jail.write("dangling", b"x")
    assert not (outside / "new.txt").exists()


def test_links_are_left_out_of_listings_and_not_entered(jail: Jail) -> None:
    assert [entry.path for entry in jail.list("", recursive=True)] == ["in/a.txt"]


def test_an_absolute_path_inside_of_the_workspace_is_the_relative_one(jail: Jail, tmp_path: Path) -> None:
    assert jail.read_text(str(tmp_path / "workspace" / "in" / "a.txt")) == "inside"
    with pytest.raises(OutsideWorkspaceError):
        jail.read_text(str(tmp_path / "workspace2" / "a.txt"))


def test_a_pipe_is_not_waited_for(jail: Jail, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "workspace" / "pipe")
    with pytest.raises(WorkspaceFileError, match="not a regular file"):
        jail.read("pipe")


def test_a_file_that_is_too_large_is_neither_read_nor_written(jail: Jail, tmp_path: Path) -> None:
    small = Jail(str(tmp_path / "workspace"), max_bytes=5)
    with pytest.raises(WorkspaceFileError, match="limit is 5"):
        small.read("in/a.txt")
    with pytest.raises(WorkspaceFileError, match="limit is 5"):
        small.write("in/b.txt", b"123456")
    assert [entry.name for entry in jail.list("in")] == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_no_scratch(
    jail: Jail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("actors.steps.jail.os.fsync", full)
    with pytest.raises(WorkspaceDiskError, match="disk is full"):
        jail.write("in/a.txt", b"new")
    assert jail.read_text("in/a.txt") == "inside"
    assert sorted(entry.name for entry in (tmp_path / "workspace" / "in").iterdir()) == ["a.txt", "link.txt"]


def test_directories_that_are_too_deep_are_named_and_not_walked(jail: Jail, tmp_path: Path) -> None:
    deep = tmp_path / "workspace"
    for _ in range(MAX_DEPTH + 2):
        deep = deep / "d"
        deep.mkdir()
    with pytest.raises(WorkspaceFileError, match="deep"):
        jail.list("", recursive=True)


def test_what_vanishes_during_a_listing_is_left_out(jail: Jail, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.listdir

    def with_one_more(directory: int) -> list[str]:
        return [*real(directory), "gone.txt"]

    monkeypatch.setattr("actors.steps.jail.os.listdir", with_one_more)
    assert [entry.path for entry in jail.list("in")] == ["in/a.txt"]
