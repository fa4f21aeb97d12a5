"""The daemon as a real process around a fake node: readiness, one instance, signals, systemd."""

from __future__ import annotations

import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.daemon import DetachedStart, StartFailed, start_detached
from runtime.daemon.lock import InstanceLock
from runtime.settings import load_settings

pytestmark = pytest.mark.daemon
MODULE = "tests.runtime.fake_daemon"


class Home:
    """A temporary place for one daemon, and what its node wrote down."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.diary = root / "diary"
        self.config = root / "evopipe.yaml"
        self.config.write_text("limits: {drain_s: 7}\n", encoding="utf-8")
        self.pids: list[int] = []

    def start(self) -> DetachedStart:
        started = start_detached(load_settings().log_file, timeout_s=20, module=MODULE)
        self.pids.append(started.pid)
        return started

    def log(self) -> str:
        return (self.root / "state" / "logs" / "evopipe.log").read_text(encoding="utf-8")

    def notes(self) -> list[str]:
        return self.diary.read_text(encoding="utf-8").splitlines() if self.diary.exists() else []


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        place = Home(Path(name))
        monkeypatch.setenv("HOME", name)
        monkeypatch.setenv("EVOPIPE_CONFIG", str(place.config))
        monkeypatch.setenv("EVOPIPE_STATE_DIR", f"{name}/state")
        monkeypatch.setenv("EVOPIPE_SOCKET_PATH", f"{name}/run/e.sock")
        monkeypatch.setenv("FAKE_NODE_DIARY", str(place.diary))
        yield place
        for pid in place.pids:
            kill_quietly(pid)


def kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return


def exit_code(pid: int, timeout_s: float = 10.0) -> int:
    """Waits for our child to end."""
    handle = os.pidfd_open(pid)
    try:
        assert select.select([handle], [], [], timeout_s)[0], f"process {pid} did not end"
    finally:
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        select.select([], [], [], 0.01)


def test_a_detached_start_returns_when_the_node_serves(home: Home) -> None:
    started = home.start()
    assert home.notes() == ["start"]
    assert os.getsid(started.pid) == started.pid
    os.kill(started.pid, signal.SIGTERM)
    assert exit_code(started.pid) == 0
    assert home.notes() == ["start", "drain 7", "stop"]


def test_a_second_daemon_on_the_socket_is_refused_and_the_first_lives_on(home: Home) -> None:
    first = home.start()
    with pytest.raises(StartFailed) as caught:
        home.start()
    assert caught.value.exit_code == 5
    assert f"pid {first.pid}" in caught.value.message
    assert home.notes() == ["start"]


def test_a_second_daemon_on_the_state_directory_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.start()
    monkeypatch.setenv("EVOPIPE_SOCKET_PATH", f"{home.root}/run/other.sock")
    with pytest.raises(StartFailed) as caught:
        home.start()
    assert caught.value.exit_code == 5


def test_a_node_that_cannot_start_is_told_with_its_cause(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_NODE_FAILS", "yes")
    with pytest.raises(StartFailed, match="metrics port 9464 is in use") as caught:
        home.start()
    assert caught.value.exit_code == 1


def test_bad_settings_are_told_with_code_2(home: Home) -> None:
    log_file = load_settings().log_file
    home.config.write_text("metrics: {prot: 1}\n", encoding="utf-8")
    with pytest.raises(StartFailed, match="'port'") as caught:
        start_detached(log_file, timeout_s=20, module=MODULE)
    assert caught.value.exit_code == 2


def test_a_second_sigterm_ends_a_node_that_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_NODE_HANGS", "yes")
    pid = home.start().pid
    os.kill(pid, signal.SIGTERM)
    until(lambda: "drain 7" in home.notes())
    began = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    exit_code(pid)
    assert time.monotonic() - began < 4


def test_a_thread_that_hangs_does_not_keep_a_stopped_node_from_ending(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NODE_THREAD", "yes")
    pid = home.start().pid
    os.kill(pid, signal.SIGTERM)
    exit_code(pid)
    assert "stop" in home.notes()


def test_sighup_reloads_and_keeps_the_old_settings_when_the_new_are_bad(home: Home) -> None:
    pid = home.start().pid
    home.config.write_text("logging: {level: loud}\n", encoding="utf-8")
    os.kill(pid, signal.SIGHUP)
    until(lambda: "reload_refused" in home.log())
    home.config.write_text("logging: {level: warning}\n", encoding="utf-8")
    os.kill(pid, signal.SIGHUP)
    until(lambda: "reload warning" in home.notes())
    assert not any("loud" in note for note in home.notes())


def test_sigusr1_triggers_the_node_kill_switch(home: Home) -> None:
    pid = home.start().pid
    os.kill(pid, signal.SIGUSR1)
    until(lambda: "switch SIGUSR1 signal" in home.notes())


def test_systemd_hears_ready_watchdog_and_stopping(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(home.root / "notify"))
        listener.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(home.root / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "40000")
        pid = home.start().pid
        assert listener.recv(999).startswith(b"READY=1")
        assert listener.recv(999) == b"WATCHDOG=1"
        assert listener.recv(999) == b"WATCHDOG=1"
        os.kill(pid, signal.SIGTERM)
        while listener.recv(999) != b"STOPPING=1":
            pass
        assert exit_code(pid) == 0


def test_after_kill_9_the_next_daemon_starts(home: Home) -> None:
    pid = home.start().pid
    os.kill(pid, signal.SIGKILL)
    assert exit_code(pid) == -9
    home.start()
    assert home.notes() == ["start", "start"]


def test_the_lock_is_free_after_the_end(home: Home) -> None:
    pid = home.start().pid
    os.kill(pid, signal.SIGTERM)
    exit_code(pid)
    with InstanceLock.for_socket(load_settings().socket_path):
        pass
