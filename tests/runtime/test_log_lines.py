"""What a line of the node's log looks like, whatever goes into it. The lines are those that structlog's own chain over
the standard library's records wrote before the node's loggers wrote theirs by themselves."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from tests.logs_for_tests import logging_into

SECRET = "canary-9-of-no-known-form"
OURS = '"level": "info", "logger": "evopipe.test", "timestamp": "TIME"'


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class Broken(collections.UserDict[str, int]):
    def items(self) -> Any:
        raise RuntimeError("no")


class Three(enum.IntEnum):
    THREE = 3


class Key(enum.StrEnum):
    KEY = "be sk-ant-canary0123456789"


LINES: list[tuple[dict[str, Any], str]] = [
    ({"event": "run_accepted", "run": "r-1"}, f'{{"run": "r-1", "event": "run_accepted", {OURS}}}'),
    (
        {"event": "a", "b": 1, "c": None, "d": True, "e": 1.5, "f": "é\u2028\U0001f600 \ud800", "g": '\t\n"\\/\0\x7f'},
        r'{"b": 1, "c": null, "d": true, "e": 1.5, "f": "\u00e9\u2028\ud83d\ude00 \ud800", '
        rf'"g": "\t\n\"\\/\u0000\u007f", "event": "a", {OURS}}}',
    ),
    (
        {"event": "numbers", "x": float("nan"), "y": float("-inf"), "z": -0.0, "big": 2**70, "three": Three.THREE},
        '{"x": NaN, "y": -Infinity, "z": -0.0, "big": 1180591620717411303424, "three": 3, '
        f'"event": "numbers", {OURS}}}',
    ),
    ({"event": "long", "x": 10**4000}, f'{{"x": 1{"0" * 4000}, "event": "long", {OURS}}}'),
    ({"event": "longer", "x": 10**5000}, f'{{"x": "<int without a text>", "event": "longer", {OURS}}}'),
    (
        {"event": "bytes", "x": b"\xff\0", "y": {1}, "z": decimal.Decimal("1.10"), "at": datetime.date(2020, 1, 2)},
        r"""{"x": "b'\\xff\\x00'", "y": "{1}", "z": "1.10", "at": "2020-01-02", "event": "bytes", """ + OURS + "}",
    ),
    (
        {"event": "keys", "x": {1: "a", None: 2, (1, 2): 4, "1": 5, Key.KEY: Key.KEY}},
        r'{"x": {"1": 5, "None": 2, "(1, 2)": 4, "be [redacted]": "be [redacted]"}, "event": "keys", ' + OURS + "}",
    ),
    (
        {"event": Mute(), "x": [Mute()], "y": {Mute(): 1}, "z": Broken()},
        '{"x": ["<Mute without a text>"], "y": {"<Mute without a text>": 1}, "z": "<Broken without a text>", '
        f'"event": "<Mute without a text>", {OURS}}}',
    ),
    (
        {"event": "deep", "x": [[[[[[[1]]]]]]], "y": (1, {"a": (2,)})},
        f'{{"x": [[[[[["<list>"]]]]]], "y": [1, {{"a": [2]}}], "event": "deep", {OURS}}}',
    ),
    (
        {"event": f"of {SECRET}", "x": SECRET, "y": {SECRET: [SECRET]}, "z": ValueError(SECRET), SECRET: 1},
        f'{{"x": "[key]", "y": {{"[key]": ["[key]"]}}, "z": "[key]", "[key]": 1, "event": "of [key]", {OURS}}}',
    ),
    (
        {"event": "forms", "u": "https://u:pass@h/ api_key=abcdefgh Bearer abcdefghijkl", "k": "AKIAABCDEFGHIJKL"},
        '{"u": "https://u:[redacted]@h/ api_key=[redacted] Bearer [redacted]", "k": "[redacted]", '
        f'"event": "forms", {OURS}}}',
    ),
    (
        {"event": "ours", "level": "mine", "logger": "mine", "timestamp": f"mine {SECRET}", "z": 1},
        f'{{{OURS}, "z": 1, "event": "ours"}}',
    ),
    ({"event": None, "k": 1}, '{"k": 1, ' + OURS + "}"),
    ({"event": {"an": "event"}}, '{"event": {"an": "event"}, ' + OURS + "}"),
    (
        {"event": "error", "exc_info": ValueError(f"of {SECRET}"), "k": 1},
        '{"k": 1, "event": "error", ' + OURS + ', "exception": "ValueError: of [key]"}',
    ),
    ({"event": "no error", "exc_info": True}, f'{{"event": "no error", {OURS}}}'),
]


def normal(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME", text)


@pytest.mark.parametrize(("said", "line"), LINES, ids=[str(number) for number in range(len(LINES))])
def test_a_record_is_the_same_line_that_it_always_was_in_the_file_and_on_stderr(
    said: dict[str, Any], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_into(tmp_path / "node.log", (SECRET, "logger"), stderr="json") as file:
        for _ in range(2):  # what is remembered from the first changes nothing
            structlog.stdlib.get_logger("evopipe.test").info(**said)
    written = normal(file.read_text(encoding="ascii"))
    assert written == f"{line}\n" * 2
    assert normal(capsys.readouterr().err) == written


def test_a_record_of_another_librarys_logging_is_the_same_line_that_it_always_was(tmp_path: Path) -> None:
    with logging_into(tmp_path / "node.log", (SECRET,)) as file:
        library = logging.getLogger("library")
        library.warning("said %s é %d", SECRET, 3)
        library.log(25, "odd level")
        library.warning(ValueError(SECRET), extra={"more": SECRET})
        logging.getLogger(f"library.{SECRET}").error("named")
        logging.getLogger("httpx").info("chatty")
        library.debug("below")
    start = '"logger": "library'
    assert normal(file.read_text(encoding="ascii")).splitlines() == [
        f'{{"event": "said [key] \\u00e9 3", "level": "warning", {start}", "timestamp": "TIME"}}',
        f'{{"event": "odd level", "level": "level 25", {start}", "timestamp": "TIME"}}',
        f'{{"event": "[key]", "level": "warning", {start}", "timestamp": "TIME"}}',
        f'{{"event": "named", "level": "error", {start}.[key]", "timestamp": "TIME"}}',
    ]


def test_every_way_to_log_has_its_level_and_what_is_below_it_is_not_even_looked_at(tmp_path: Path) -> None:
    with logging_into(tmp_path / "node.log") as file:
        log = structlog.stdlib.get_logger("evopipe.test", first=1)
        log.info("placed %s and %d", "one", 2)
        log.bind(a=1, b=1).unbind("b").warning("bound", a=2)
        log.warn("old name")
        log.log(logging.ERROR, "by number")
        log.fatal("worst")
        try:
            raise KeyError("k")
        except KeyError:
            log.exception("failed")
        with structlog.contextvars.bound_contextvars(run="r1", first=3):
            log.info("in a context", stack_info=True)
        log.debug("below %d", "no number", mute=Mute())
        log.log(logging.DEBUG, "below")
        logging.getLogger("evopipe.test").setLevel(logging.ERROR)
        log.info("below its own logger's")
        logging.getLogger("evopipe.test").setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("placed one and 2", "info"),
        ("bound", "warning"),
        ("old name", "warning"),
        ("by number", "error"),
        ("worst", "critical"),
        ("failed", "error"),
        ("in a context", "info"),
    ]
    assert list(lines[1]) == ["first", "a", "event", "level", "logger", "timestamp"]
    assert lines[1]["a"] == 2
    assert lines[5]["exception"].startswith("Traceback") and "KeyError: 'k'" in lines[5]["exception"]
    assert (lines[6]["run"], lines[6]["first"]) == ("r1", 1)
    assert lines[6]["stack"].splitlines()[-1].strip().startswith('log.info("in a context"')


def test_the_time_is_utc_to_the_microsecond_whichever_way_the_clock_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = 1_600_000_000_000_000_000
    clock = iter([base + 1_999, base + 999_999_000, base + 1_000_000_000, 951_782_400_050_000_000])
    with logging_into(tmp_path / "node.log") as file:
        with monkeypatch.context() as jumping:
            jumping.setattr(time, "time_ns", lambda: next(clock))
            for _ in range(4):
                structlog.stdlib.get_logger("evopipe.test").info("now")
        before = datetime.datetime.now(datetime.UTC)
        logging.getLogger("library").warning("now")
        after = datetime.datetime.now(datetime.UTC)
    *stamps, last = [json.loads(line)["timestamp"] for line in file.read_text(encoding="ascii").splitlines()]
    assert stamps == [
        "2020-09-13T12:26:40.000001Z",
        "2020-09-13T12:26:40.999999Z",
        "2020-09-13T12:26:41.000000Z",
        "2000-02-29T00:00:00.050000Z",
    ]
    assert before <= datetime.datetime.fromisoformat(last) <= after


def test_a_terminal_gets_texts_without_keys_and_the_file_has_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_into(tmp_path / "node.log", (SECRET,), stderr="text") as file:
        structlog.stdlib.get_logger("evopipe.test").warning(f"é {SECRET}", x=SECRET, exc_info=ValueError(SECRET))
        logging.getLogger("library").warning(SECRET)
    ours, error, foreign = normal(capsys.readouterr().err).splitlines()
    assert ours.split() == ["TIME", "[warning", "]", "é", "[key]", "[evopipe.test]", "x=[key]"]
    assert error == "ValueError: [key]"
    assert foreign.split() == ["TIME", "[warning", "]", "[key]", "[library]"]
    assert [json.loads(line)["event"] for line in file.read_text(encoding="ascii").splitlines()] == ["é [key]", "[key]"]


def test_what_cannot_be_made_into_a_line_is_told_on_stderr_and_fails_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_into(tmp_path / "node.log") as file:
        structlog.stdlib.get_logger("evopipe.test").info("%d", SECRET)
        logging.getLogger("library").warning("%d", SECRET)
        structlog.stdlib.get_logger("evopipe.test").info("next")
    told = capsys.readouterr().err
    assert told.count("TypeError: %d format") == 2
    assert SECRET not in told
    assert [json.loads(line)["event"] for line in file.read_text(encoding="ascii").splitlines()] == ["next"]


def test_what_a_test_captures_is_not_written(tmp_path: Path) -> None:
    with logging_into(tmp_path / "node.log") as file:
        log = structlog.stdlib.get_logger("evopipe.test").bind(a=1)
        with capture_logs() as captured:
            log.exception("captured", b=2)
        log.info("written")
    assert captured == [{"a": 1, "b": 2, "event": "captured", "exc_info": True, "log_level": "error"}]
    assert [json.loads(line)["event"] for line in file.read_text(encoding="ascii").splitlines()] == ["written"]
