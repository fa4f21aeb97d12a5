"""Where the node's log goes: rotation, failing disks, other threads, a log that is configured anew."""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from pathlib import Path

import pytest
import structlog

from runtime.daemon import log_sinks
from runtime.daemon.logs import configure_logging
from runtime.settings import LoggingSettings
from tests.logs_for_tests import logging_into

SECRET = "canary-9-of-no-known-form"


def events(file: Path) -> list[str]:
    return [json.loads(line)["event"] for line in file.read_text(encoding="ascii").splitlines()]


@pytest.mark.parametrize("room", [1, 0])
def test_a_line_that_would_fill_the_file_to_its_last_byte_begins_the_next_one(room: int, tmp_path: Path) -> None:
    with logging_into(tmp_path / "node.log", max_bytes=4096) as file:
        log = structlog.stdlib.get_logger("evopipe.test")
        log.info("é" * 200)
        length = file.stat().st_size
        logging.getLogger("evopipe.test").info("é" * 200)
        assert file.stat().st_size == 2 * length
    with logging_into(file, max_bytes=4096):  # a restart counts what it finds
        around = length - 200 * len(r"\u00e9")
        log.info("y" * (4096 - room - 2 * length - around))
        assert (tmp_path / "node.log.1").exists() == (not room)
        assert file.stat().st_size == (4095 if room else 4096 - 2 * length)


def test_as_many_former_files_as_are_asked_for_are_kept_and_all_are_the_owners_only(tmp_path: Path) -> None:
    log = structlog.stdlib.get_logger("evopipe.test")
    old = os.umask(0)
    try:
        with logging_into(tmp_path / "node.log", max_bytes=4096, backups=2) as file:
            log.info("a" * 4096)  # longer than a file may be
            assert [path.name for path in tmp_path.iterdir()] == ["node.log"]
            for letter in "bcd":
                log.info(letter * 4096)
    finally:
        os.umask(old)
    files = [file, tmp_path / "node.log.1", tmp_path / "node.log.2"]
    assert [events(path) for path in files] == [["d" * 4096], ["c" * 4096], ["b" * 4096]]
    assert sorted(tmp_path.iterdir()) == files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_full_disk_fails_nobody_and_the_next_line_that_fits_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written, room = os.write, 30

    def full(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = written(descriptor, data[:room])
        room -= count
        return count

    with logging_into(tmp_path / "node.log", (SECRET,)) as file:
        log = structlog.stdlib.get_logger("evopipe.test")
        with monkeypatch.context() as disk:
            disk.setattr(log_sinks.os, "write", full)
            log.info("cut off")
            room = 20
            log.info("cut off too")
            log.error(f"lost, with {SECRET}", x=SECRET)
            logging.getLogger("library").error(f"lost, with {SECRET}")
        log.info("there is room again")
        log.info("and more")
        with monkeypatch.context() as disk:
            disk.setattr(log_sinks.os, "write", full)
            room = 10
            log.info("cut off last")
    with logging_into(file):
        log.info("after a restart")
    lines = file.read_text(encoding="ascii").splitlines()
    assert lines[:2] == ['{"event": "cut off", "level": ', '{"event": "cut off ']
    assert [json.loads(line)["event"] for line in lines[2:4]] == ["there is room again", "and more"]
    assert (lines[4], json.loads(lines[5])["event"], len(lines)) == ('{"event": ', "after a restart", 6)
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == 5
    assert "OSError: [Errno 28] No space left on device" in told
    assert SECRET not in told


def test_a_rotation_that_fails_loses_no_line_and_is_tried_again_when_as_much_has_been_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with logging_into(tmp_path / "node.log", max_bytes=4096) as file:
        log = structlog.stdlib.get_logger("evopipe.test")
        with monkeypatch.context() as directory:
            directory.setattr(os, "rename", refused)
            for number in range(10):  # of 1,100 bytes: three go into a file
                log.info(f"{number}" + "x" * 1_000)
        assert [event[0] for event in events(file)] == list("0123456789")
        assert capsys.readouterr().err.count("PermissionError: ") == 3
        for letter in "abcd":
            log.info(letter + "x" * 1_000)
        assert [event[0] for event in events(tmp_path / "node.log.1")] == list("0123456789ab")
        assert [event[0] for event in events(file)] == list("cd")
    assert capsys.readouterr().err == ""


def test_a_pipe_in_the_place_of_the_file_is_written_to_and_left_where_and_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "node.log"
    os.mkfifo(pipe, 0o622)
    pipe.chmod(0o622)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with logging_into(pipe, max_bytes=4096):
            for _ in range(3):
                structlog.stdlib.get_logger("evopipe.test").info("x" * 3_000)
            assert os.read(reader, 60_000).count(b"\n") == 3
        assert [path.name for path in tmp_path.iterdir()] == ["node.log"]
        assert pipe.stat().st_mode & 0o777 == 0o622
    finally:
        os.close(reader)


def test_loggers_that_live_through_a_new_configuration_take_its_file_level_and_secrets(tmp_path: Path) -> None:
    with logging_into(tmp_path / "old.log") as old:
        live = structlog.stdlib.get_logger("evopipe.test")
        bound = live.bind(a=1)
        library = logging.getLogger("library")
        for log in (live, bound, library):
            log.info(SECRET)
            log.debug("below")
        new = LoggingSettings(level="debug", max_bytes=4096, backups=1)
        configure_logging(new, tmp_path / "new.log", stderr="no", secrets=[SECRET])
        with pytest.raises(IsADirectoryError):  # nothing of it is taken
            configure_logging(new.model_copy(update={"level": "error"}), tmp_path, stderr="no")
        for log in (live, bound, library):
            log.info(SECRET)
            log.debug("not below")
        assert events(old) == [SECRET] * 3
        assert events(tmp_path / "new.log") == ["[key]", "not below"] * 3


def test_lines_of_several_threads_stay_whole_through_rotations_and_new_configurations(tmp_path: Path) -> None:
    threads, each = 4, 300
    settings = LoggingSettings(level="info", max_bytes=20_000, backups=100)
    begin, ended = threading.Barrier(threads + 1, timeout=10), threading.Event()

    def write(number: int) -> None:
        log = structlog.stdlib.get_logger("evopipe.test").bind(number=number)
        library = logging.getLogger("library")
        begin.wait()
        for turn in range(each):
            (log if turn % 2 else library).info(f"{number}.{turn}")

    def configure() -> None:
        while not ended.is_set():
            configure_logging(settings, tmp_path / "node.log", stderr="no")

    with logging_into(tmp_path / "node.log", max_bytes=20_000, backups=100):
        writers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
        other = threading.Thread(target=configure)
        for thread in (*writers, other):
            thread.start()
        begin.wait()
        for thread in writers:
            thread.join(20)
        ended.set()
        other.join(20)
    found = [event for file in tmp_path.iterdir() for event in events(file)]
    assert sorted(found) == sorted(f"{number}.{turn}" for number in range(threads) for turn in range(each))
    assert len(list(tmp_path.iterdir())) > 3


def test_a_line_that_comes_after_the_end_of_the_log_is_written_and_nothing_stays_open(tmp_path: Path) -> None:
    file = log_sinks.RotatedFile(tmp_path / "node.log", LoggingSettings(level="info", max_bytes=4096, backups=1))
    file.write("one")
    file.close()
    file.write("two")
    assert (tmp_path / "node.log").read_text(encoding="ascii") == "one\ntwo\n"
    assert file.stream is None
