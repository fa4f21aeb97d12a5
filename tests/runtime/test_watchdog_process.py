"""The watchdog beside a real node: it stops one whose loop is really blocked, and ends with its node."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines.guardrails.kill_switch import Level, parse
from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon
PIPELINE = """\
name: wedging
steps:
  - {{name: talk, type: test_echo, value: "talk {port}"}}
  - {{name: wedge, type: test_echo, value: "{how}", depends_on: [talk]}}
"""
QUICK = "name: quick\nsteps: [{name: a, type: test_echo, value: nothing}]\n"


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        command.env |= {"EVOPIPE_STATE_DIR": str(command.home / "state"), "EVOPIPE_LIMITS__DRAIN_S": "0"}
        yield command


def up(evopipe: Command) -> int:
    """Starts the node that can be wedged, as `evopipe up` would; its pid."""
    ready, theirs = os.pipe()
    with (evopipe.home / "stray").open("wb") as stray:
        subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.wedged_daemon", "--ready-fd", str(theirs)],
            pass_fds=(theirs,), env=evopipe.env, cwd="/", start_new_session=True, stdout=stray, stderr=stray,
        ).returncode = 0  # fmt: skip
    os.close(theirs)
    assert select.select([ready], [], [], 20)[0], "the node is not ready"
    told = json.loads(os.read(ready, 4096))
    os.close(ready)
    assert told.get("ready"), told
    return int(told["pid"])


def gone(pid: int) -> None:
    """Returns when the process has ended, which it may have before anybody looks."""
    with contextlib.suppress(ProcessLookupError):
        wait_gone(pid)


def log_of(evopipe: Command) -> str:
    return (evopipe.home / "state" / "logs" / "evopipe.log").read_text(encoding="utf-8")


def until(met: Callable[[], Any], seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = met()
        if found:
            return found
        select.select([], [], [], 0.02)
    raise AssertionError("it did not come about in time")


def watchdog_of(pid: int) -> int:
    """The pid of the node's watchdog: its only child of that name."""

    def find() -> int:
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    line = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if int(parent) == pid and b"runtime.watchdog.guard" in line and _listens(entry):
                    return int(entry.name)
        return 0

    return until(find)


def _listens(process: Path) -> bool:
    """Whether it has come so far as to handle SIGUSR1."""
    status = (process / "status").read_text(encoding="ascii")
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGUSR1 - 1) & 1)


@pytest.mark.parametrize(
    ("how", "way"),
    [("sleep", "file"), ("gil", "file"), ("spin", "signal"), ("regex", "command"), ("sleep", "watchdog's signal")],
)
def test_a_node_whose_loop_is_blocked_is_stopped_within_two_seconds_and_held_until_it_is_armed(
    evopipe: Command, how: str, way: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        text = PIPELINE.format(port=server.getsockname()[1], how=how)
        (evopipe.home / "w.yaml").write_text(text, encoding="utf-8")
        (evopipe.home / "q.yaml").write_text(QUICK, encoding="utf-8")
        pid = up(evopipe)
        guard = watchdog_of(pid)
        submitted = evopipe("run", "w.yaml", "--detach")
        assert submitted.returncode == exits.OK, submitted.stderr
        connection, _ = server.accept()
        trigger = evopipe.home / "state" / "kill" / "node"
        with connection:
            connection.settimeout(10)
            assert connection.recv(1) == b"."
            # The step that wedges follows at once; the switch is not asked for before the loop is blocked.
            until(lambda: not _answers(evopipe))
            with ThreadPoolExecutor(1) as beside:
                asked, command = time.time(), None
                if way == "file":
                    trigger.touch()
                elif way == "command":
                    command = beside.submit(evopipe, "kill", "node", "--reason", "it hangs")
                else:
                    os.kill(pid if way == "signal" else guard, signal.SIGUSR1)
                while connection.recv(65_536):
                    assert time.time() - asked < 30, "it goes on sending"
                ended = time.time()
                if command is not None:
                    done = command.result()
                    assert (done.returncode, "has ended" in done.stdout) == (exits.OK, True), done.stdout + done.stderr
                    assert f"(pid {pid}) does not answer" in done.stderr
                    asked = trigger.stat().st_mtime  # it waits for an answer first
        assert ended - asked < 2.5, f"{ended - asked:.2f} s"
        gone(pid)
        gone(guard)
        kept = parse((evopipe.home / "state" / "kill_switches.json").read_bytes())
        assert kept[Level.NODE, ""].who == "watchdog"
        assert ("it hangs" in kept[Level.NODE, ""].reason) == (way == "command")
        assert "node_stopped_hard" in log_of(evopipe)
        told = evopipe("switches")
        assert (told.returncode, "stopped the node hard" in told.stderr) == (exits.UNREACHABLE, True)
        trigger.unlink(missing_ok=True)

        pid = up(evopipe)
        assert "stopped the node hard" in evopipe("switches").stdout
        assert evopipe("run", "q.yaml").returncode == exits.REFUSED
        assert evopipe("cancel", submitted.stdout.strip()).returncode == exits.OK
        assert evopipe("arm", "node", "--reason", "the step is gone").returncode == exits.OK
        assert evopipe("run", "q.yaml").returncode == exits.OK


def _answers(evopipe: Command) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.3)
        try:
            connection.connect(str(evopipe.socket))
            connection.sendall(b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return bool(connection.recv(1))
        except OSError:
            return False


def test_a_watchdog_leaves_a_node_alone_that_puts_its_switch_in_force(evopipe: Command) -> None:
    (evopipe.home / "q.yaml").write_text(QUICK, encoding="utf-8")
    pid = up(evopipe)
    guard = watchdog_of(pid)
    trigger = evopipe.home / "state" / "kill" / "node"
    trigger.touch()
    until(lambda: evopipe.status()["kill_switches"])
    until(lambda: "kill_switch_triggered" in log_of(evopipe))
    select.select([], [], [], 4.5)  # longer than the watchdog's whole patience
    assert evopipe.status()["pid"] == pid
    assert evopipe.status()["watchdog"] == {"state": "watching", "pid": guard, "deaths": 0}
    trigger.unlink()
    assert evopipe("arm", "node", "--reason", "a test").returncode == exits.OK
    assert evopipe("run", "q.yaml").returncode == exits.OK


def test_a_dead_watchdog_is_replaced_and_the_node_says_so(evopipe: Command) -> None:
    pid = up(evopipe)
    first = watchdog_of(pid)
    os.kill(first, signal.SIGKILL)
    second = until(lambda: (now := watchdog_of(pid)) != first and now)
    until(lambda: "watchdog_started_again" in log_of(evopipe))
    assert "watchdog_died" in log_of(evopipe)
    assert evopipe.status()["watchdog"] == {"state": "watching", "pid": second, "deaths": 1}
    if len(given := os.sched_getaffinity(0)) > 1:  # it must not wait for the core that a blocked loop is bound to
        until(lambda: len(os.sched_getaffinity(pid)) == 1)
        assert os.sched_getaffinity(second) == given


@pytest.mark.parametrize("end", ["kill -9", "down"])
def test_a_watchdog_ends_with_its_node_and_not_by_the_signals_that_are_for_the_node(evopipe: Command, end: str) -> None:
    pid = up(evopipe)
    guard = watchdog_of(pid)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(guard, number)
    assert evopipe.status()["watchdog"] == {"state": "watching", "pid": guard, "deaths": 0}
    if end == "down":
        assert evopipe("down", "--now").returncode == exits.OK
    else:
        os.kill(pid, signal.SIGKILL)
    gone(guard)
    assert not (evopipe.home / "state" / "kill_switches.json").exists()
