"""The library's directory: what is found, what is refused, and what stays usable beside files that are damaged."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.kernel import Kernel
from actors.library import (
    Catalogue,
    DamagedEntryError,
    Library,
    LibraryUnavailableError,
    ListPipelines,
    NoSuchPipelineError,
    RegisterPipeline,
    UnregisterPipeline,
    VersionTakenError,
)


def text(word: str, version: str = "") -> str:
    declared = f"version: '{version}'\n" if version else ""
    return f"name: tea\n{declared}steps: [{{name: a, type: test_echo, value: {word}}}]\n"


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "library")


def file_of(tmp_path: Path, version: str) -> Path:
    (found,) = (tmp_path / "library").glob(f"*@tea@{version}@*")
    return found


def test_numbers_are_given_where_no_version_is_said_and_the_newest_is_meant(catalogue: Catalogue) -> None:
    assert [catalogue.register(RegisterPipeline(text(word)), 1.0).entry.version for word in "abb"] == ["1", "2", "2"]
    assert catalogue.register(RegisterPipeline(text("a", "0.1")), 2.0).entry.version == "0.1"
    assert catalogue.find("tea").version == "0.1"
    assert catalogue.find("tea@2").text == text("b")
    assert catalogue.find(f"tea@{catalogue.find('tea@1').content_hash[:8]}").text in {text("a")}


def test_a_hash_that_means_nothing_or_is_too_short_is_refused(catalogue: Catalogue) -> None:
    content = catalogue.register(RegisterPipeline(text("a")), 1.0).entry.content_hash
    for wrong in (f"tea@{content[:7]}", "tea@" + "0" * 12, "tea@" + content[::-1]):
        with pytest.raises(NoSuchPipelineError):
            catalogue.find(wrong)
    with pytest.raises(VersionTakenError):
        catalogue.register(RegisterPipeline(text("b"), version="1"), 1.0)


def _truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _emptied(file: Path) -> None:
    os.truncate(file, 0)


def _edited(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"value: b", b"value: c"))


def _linked_elsewhere(file: Path) -> None:
    other = file.parent.parent / "elsewhere"
    file.rename(other)
    file.symlink_to(other)


def _a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _renamed(file: Path) -> None:
    file.rename(file.with_name(file.name.replace("000002@", "000009@")))


@pytest.mark.parametrize("damage", [_truncated, _emptied, _edited, _linked_elsewhere, _a_directory, _a_pipe, _renamed])
def test_a_damaged_file_is_refused_and_the_others_stay_usable(
    catalogue: Catalogue, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    catalogue.register(RegisterPipeline(text("a", "1")), 1.0)
    catalogue.register(RegisterPipeline(text("b", "2")), 1.0)
    damage(file_of(tmp_path, "2"))
    for reference in ("tea", "tea@2"):
        with pytest.raises(DamagedEntryError, match="tea@2"):
            catalogue.find(reference)
    assert catalogue.find("tea@1").text == text("a", "1")
    shown = {each.version: each.problem for each in catalogue.listing("tea").pipelines}
    assert shown["1"] is None
    assert "cannot be used" in str(shown["2"])


def test_foreign_files_are_told_and_leave_the_library_alone(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.register(RegisterPipeline(text("a", "1")), 1.0)
    directory = tmp_path / "library"
    (directory / "notes.txt").write_text("x")
    (directory / "000001@tea@1@nothash.json").write_text("{}")
    (directory / ".new-left-by-a-crash").write_text("{")
    assert len(catalogue.listing().problems) == 2
    catalogue.register(RegisterPipeline(text("b", "2")), 1.0)
    assert not (directory / ".new-left-by-a-crash").exists()
    assert catalogue.find("tea").version == "2"


def test_a_directory_that_cannot_be_used_fails_the_caller(tmp_path: Path) -> None:
    (tmp_path / "library").write_text("a file where the directory should be")
    with pytest.raises(LibraryUnavailableError):
        Catalogue(tmp_path / "library").find("tea")


async def _the_actor(tmp_path: Path) -> None:
    kernel = Kernel()
    library = await kernel.spawn(Library, tmp_path, name="library")
    try:
        done = await library.call(RegisterPipeline(text("a", "1")))
        assert done.created
        with pytest.raises(VersionTakenError):
            await library.call(RegisterPipeline(text("b", "1")))
        library.kill()
        await library.wait_exit()
        again = await kernel.spawn(Library, tmp_path, name="library")
        assert [each.version for each in (await again.call(ListPipelines("tea"))).pipelines] == ["1"]
        assert await again.call(UnregisterPipeline("tea", "1")) == "tea@1"
        with pytest.raises(NoSuchPipelineError):
            await again.call(UnregisterPipeline("tea", "1"))
    finally:
        await kernel.shutdown()


def test_the_actor_refuses_without_dying_and_a_kill_loses_nothing(tmp_path: Path) -> None:
    import asyncio

    asyncio.run(_the_actor(tmp_path))
