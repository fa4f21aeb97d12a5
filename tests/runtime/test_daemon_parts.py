"""The daemon's parts on their own: lock, places, systemd, log, readiness."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from runtime.daemon.exits import EXIT_ALREADY_RUNNING, EXIT_BAD_CONFIG, EXIT_STATE_UNUSABLE, DaemonError
from runtime.daemon.lock import AlreadyRunningError, InstanceLock
from runtime.daemon.logs import tail
from runtime.daemon.notify import Notifier
from runtime.daemon.places import prepare_places
from runtime.settings import Settings, load_settings
from runtime.shutdown import ShutdownRequest
from tests.logs_for_tests import logging_into
from tests.support import run


@pytest.fixture
def settings() -> Iterator[Settings]:
    # Not tmp_path: its length would exceed what a socket's path may have on some machines.
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        yield load_settings(
            None,
            {
                "HOME": name,
                "EVOPIPE_STATE_DIR": f"{name}/state",
                "EVOPIPE_SOCKET_PATH": f"{name}/run/evopipe.sock",
                "EVOPIPE_METRICS__PORT": "0",
            },
        )


def test_a_second_lock_on_one_socket_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    with InstanceLock.for_socket(tmp_path / "s"), pytest.raises(AlreadyRunningError) as caught:
        InstanceLock.for_socket(tmp_path / "s").acquire()
    assert caught.value.pid == os.getpid()
    assert caught.value.exit_code == EXIT_ALREADY_RUNNING
    assert "evopipe down" in caught.value.message


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    with InstanceLock.for_socket(tmp_path / "s"):
        pass
    with InstanceLock.for_socket(tmp_path / "s"):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom runtime.daemon.lock import InstanceLock\n"
        "InstanceLock.for_socket(Path(sys.argv[1])).acquire()\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        cwd=root, timeout=30, check=False, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert ended.returncode == -9
    with InstanceLock.for_socket(tmp_path / "s"):
        pass


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "s.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DaemonError, match="cannot be opened"):
        InstanceLock.for_socket(tmp_path / "s").acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_places_are_made_private(settings: Settings) -> None:
    prepare_places(settings)
    assert settings.state_dir.stat().st_mode & 0o777 == 0o700
    assert settings.socket_path.parent.stat().st_mode & 0o777 == 0o700
    assert settings.workspace.is_dir()


def test_a_socket_path_that_is_too_long_is_told(settings: Settings) -> None:
    long = settings.model_copy(update={"socket_path": Path("/tmp") / ("x" * 120) / "s"})
    with pytest.raises(DaemonError) as caught:
        prepare_places(long)
    assert caught.value.exit_code == EXIT_BAD_CONFIG


def test_a_state_directory_that_cannot_be_made_is_told(settings: Settings) -> None:
    settings.state_dir.parent.joinpath("file").write_text("", encoding="utf-8")
    blocked = settings.model_copy(update={"state_dir": settings.state_dir.parent / "file" / "state"})
    with pytest.raises(DaemonError, match="EVOPIPE_STATE_DIR") as caught:
        prepare_places(blocked)
    assert caught.value.exit_code == EXIT_STATE_UNUSABLE


def test_a_full_disk_is_told_before_the_node_starts(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DaemonError, match="the disk is full; make room"):
        prepare_places(settings)


def test_systemd_gets_ready_watchdog_and_stopping(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "n"))
        listener.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "20000000"})
        assert notifier.watchdog_interval_s == 10
        notifier.ready()
        notifier.watchdog()
        notifier.stopping()
        assert listener.recv(999).splitlines()[0] == b"READY=1"
        assert listener.recv(999) == b"WATCHDOG=1"
        assert listener.recv(999) == b"STOPPING=1"


def test_without_systemd_or_when_it_is_gone_notifying_does_nothing(tmp_path: Path) -> None:
    Notifier({}).ready()
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert Notifier({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}).watchdog_interval_s is None


def test_the_log_file_holds_json_lines_of_both_kinds(tmp_path: Path) -> None:
    with logging_into(tmp_path / "logs" / "node.log") as file:
        structlog.stdlib.get_logger("evopipe.test").info("happened", run_id="r1")
        logging.getLogger("library").warning("said %s", "this")
        lines = [json.loads(line) for line in tail(file, 10)]
    assert [(line["event"], line["level"]) for line in lines] == [("happened", "info"), ("said this", "warning")]
    assert lines[0]["run_id"] == "r1"


def test_no_log_line_holds_a_key_whoever_wrote_it_and_wherever_in_it(tmp_path: Path) -> None:
    key, shorter = "canary-9-of-no-known-form-and-longer", "canary-9-of-no-known-form"
    with logging_into(tmp_path / "node.log", secrets=(shorter, key, "c", "")) as file:
        log = structlog.stdlib.get_logger("evopipe.test")
        log.warning("text", where=f"https://host/?key={key}")
        log.warning(f"event {key}", deep={"list": [{"a": (key, 1)}], key: True, "error": ValueError(key)})
        try:
            raise ValueError(f"401 for {key}, sk-ant-canary0123456789")
        except ValueError:
            log.exception("failed")
            logging.getLogger("library").exception("failed with %s", key)
        text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 4
    assert "canary" not in text
    assert "longer" not in text
    assert text.count("Traceback") == 2


def test_a_log_line_of_any_size_and_depth_is_bounded(tmp_path: Path) -> None:
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    with logging_into(tmp_path / "node.log") as file:
        structlog.stdlib.get_logger("evopipe.test").info("much", nested=nested, text="x" * 1_000_000)
        (line,) = file.read_text(encoding="utf-8").splitlines()
    assert len(line) < 30_000
    assert json.loads(line)["event"] == "much"


def test_tail_gives_the_last_lines_and_nothing_of_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("".join(f"line {n}\n" for n in range(50_000)), encoding="utf-8")
    assert tail(file, 2) == ["line 49998", "line 49999"]
    assert tail(file, 0) == []
    assert tail(tmp_path / "none", 5) == []


def test_the_second_shutdown_request_is_urgent() -> None:
    async def main() -> None:
        shutdown = ShutdownRequest()
        shutdown.request()
        assert shutdown.draining.is_set()
        assert not shutdown.now.is_set()
        shutdown.request()
        assert shutdown.now.is_set()

    run(main())
