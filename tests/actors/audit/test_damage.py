"""Whatever is done to the audit log's files is found and located; what a crash leaves is repaired; all is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.audit import AuditFiles, AuditPlace, check_file, check_place, segments
from tests.actors.audit.audit_for_tests import decision, written


def reopened(place: AuditPlace, segment_bytes: int = 16_000_000) -> AuditFiles:
    return AuditFiles(place, segment_bytes)


def lines_of(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True)


def test_a_log_over_several_files_is_one_chain_for_the_owner_only(tmp_path: Path) -> None:
    place, head = written(tmp_path, 100, segment_bytes=5_000, batch=7)
    files = segments(place.directory)
    assert len(files) > 3
    checked = check_place(place)
    assert (checked.flaws, checked.entries, checked.head) == ((), 100, head)
    assert stat.S_IMODE(place.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (*files, place.heads)} == {0o600}
    middle = check_file(files[2])
    assert (middle.flaws, middle.start.number > 0) == ((), True)


def edit(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"ann", b"bob"), *lines[2:]]


def twice_a_key(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b'"who":', b'"who":"bob","who":'), *lines[2:]]


DAMAGE: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "edit": (edit, 2),
    "a key twice": (twice_a_key, 2),
    "delete": (lambda lines: [lines[0], *lines[2:]], 2),
    "insert": (lambda lines: [lines[0], lines[3], *lines[1:]], 2),
    "swap": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
    "noise": (lambda lines: [lines[0], b"\x00\xff{\n", *lines[1:]], 2),
    "without an end": (lambda lines: [lines[0], lines[1][:-1], *lines[2:]], 2),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_in_a_later_file_is_located_and_left_as_it_is(kind: str, tmp_path: Path) -> None:
    place, head = written(tmp_path, 60, segment_bytes=5_000)
    change, line = DAMAGE[kind]
    file = segments(place.directory)[1]
    damaged = b"".join(change(lines_of(file)))
    file.write_bytes(damaged)
    checked = check_place(place)
    assert (checked.flaws[0].file, checked.flaws[0].line) == (file, line)
    files = reopened(place)
    files.open()
    files.append([decision(61)])
    files.close()
    assert file.read_bytes() == damaged
    assert files.head.number == head.number + 1
    assert check_place(place).flaws[0] == checked.flaws[0]


def test_two_files_that_were_swapped_are_found_at_their_first_lines(tmp_path: Path) -> None:
    place, _ = written(tmp_path, 80, segment_bytes=5_000)
    first, second = segments(place.directory)[1:3]
    aside = tmp_path / "aside"
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    checked = check_place(place)
    assert (checked.flaws[0].file, checked.flaws[0].line) == (first, 1)


def test_a_file_that_is_gone_is_told_as_missing_entries(tmp_path: Path) -> None:
    place, _ = written(tmp_path, 80, segment_bytes=5_000)
    first, gone, third = segments(place.directory)[:3]
    gone.unlink()
    flaw = check_place(place).flaws[0]
    assert (flaw.file, flaw.line) == (third, 1)
    assert "are missing before entry" in flaw.what
    assert first.exists()


def test_a_log_cut_at_any_byte_of_its_last_entries_is_found_for_good(tmp_path: Path) -> None:
    place, _ = written(tmp_path, 4)
    (file,) = segments(place.directory)
    whole, notes = file.read_bytes(), place.heads.read_bytes()
    for size in range(len(b"".join(lines_of(file)[:2])), len(whole)):
        file.write_bytes(whole[:size])
        assert check_place(place).flaws, size
        files = reopened(place)
        assert files.open().damage, size
        files.append([decision(5)])
        files.close()
        # The next entries do not close the gap over it.
        assert file.read_bytes() == whole[:size]
        assert check_place(place).flaws, size
        segments(place.directory)[-1].unlink()
        place.heads.write_bytes(notes)


def test_an_unfinished_write_is_cut_off_said_and_the_log_goes_on(tmp_path: Path) -> None:
    place, head = written(tmp_path, 3)
    (file,) = segments(place.directory)
    whole = file.read_bytes()
    later, _ = written(tmp_path / "other", 4)
    (unfinished,) = lines_of(segments(later.directory)[0])[3:]
    for size in range(1, len(unfinished)):
        file.write_bytes(whole + unfinished[:size])
        files = reopened(place)
        found = files.open()
        files.close()
        assert (found.head, found.damage, len(found.repaired)) == (head, (), 1), size
        assert file.read_bytes() == whole
    assert check_place(place).is_sound


def test_a_whole_log_that_was_removed_is_missed(tmp_path: Path) -> None:
    place, head = written(tmp_path, 3)
    for file in segments(place.directory):
        file.unlink()
    assert check_place(place).flaws[0].what.startswith("entries are missing at the end: 3 were noted")
    files = reopened(place)
    assert "entries 1 to 3 were in the log" in files.open().damage[0]
    files.append([decision(4)])
    assert files.head.number == head.number + 1
    assert check_place(place).flaws[0].what.startswith("entries 1 to 3 are missing")


def test_a_chain_made_anew_does_not_fit_the_noted_heads(tmp_path: Path) -> None:
    place, _ = written(tmp_path, 5)
    forged, _ = written(tmp_path / "forger", 5, batch=5)
    lines = lines_of(segments(forged.directory)[0])
    file = segments(place.directory)[0]
    file.write_bytes(b"".join(lines))
    assert check_place(place).is_sound  # the same entries
    other = AuditFiles(AuditPlace.of(tmp_path / "liar"), 16_000_000)
    other.open()
    other.append([decision(number, "run.cancelled") for number in range(1, 6)])
    other.close()
    file.write_bytes(segments(tmp_path / "liar" / "audit")[0].read_bytes())
    flaw = check_place(place).flaws[0]
    assert (flaw.file, flaw.line, "is not the one that was noted" in flaw.what) == (file, 1, True)


@pytest.mark.parametrize("which", ["entries", "notes"])
def test_a_pipe_or_a_directory_in_a_file_s_place_is_told_and_holds_nobody_up(which: str, tmp_path: Path) -> None:
    place, _ = written(tmp_path, 3)
    file = segments(place.directory)[0] if which == "entries" else place.heads
    for make in (os.mkfifo, os.mkdir):
        file.unlink()
        make(file)
        with pytest.raises(OSError, match="no regular file; move it aside") as told:
            check_place(place)
        assert told.value.filename == str(file)


def test_a_head_kept_elsewhere_finds_what_was_cut_together_with_its_notes(tmp_path: Path) -> None:
    place, head = written(tmp_path, 5)
    (file,) = segments(place.directory)
    file.write_bytes(b"".join(lines_of(file)[:3]))
    place.heads.unlink()
    assert check_place(place).is_sound
    assert not check_place(place, head).is_sound


def test_a_file_that_others_change_under_the_writer_is_left_and_said(tmp_path: Path) -> None:
    place = AuditPlace.of(tmp_path)
    files = reopened(place)
    files.open()
    files.append([decision(1), decision(2)])
    (file,) = segments(place.directory)
    file.write_bytes(lines_of(file)[0])
    (damage,) = files.append([decision(3)]).damage
    assert "was changed by somebody else" in damage
    segments(place.directory)[-1].unlink()
    (damage,) = files.append([decision(4)]).damage
    assert "was removed or replaced" in damage
    files.close()
    assert [flaw.what for flaw in check_place(place).flaws] == ["entries 2 to 3 are missing before entry 4"]
