"""Starts the daemon as a process of its own session and waits until it says that it serves.

A fresh interpreter rather than a fork: no thread, lock or open file of the caller comes along.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import runtime
from runtime.daemon.exits import EXIT_FAILED, EXIT_STATE_UNUSABLE
from runtime.settings import make_private

STRAY_LOG = "evopipe.stderr.log"
PATH_VARIABLES = (
    "EVOPIPE_CONFIG",
    "EVOPIPE_STATE_DIR",
    "EVOPIPE_SOCKET_PATH",
    "EVOPIPE_WORKSPACE",
    "EVOPIPE_PROVIDERS__ANTHROPIC__API_KEY_FILE",
    "EVOPIPE_PROVIDERS__GEMINI__API_KEY_FILE",
)


@dataclass(frozen=True, slots=True)
class DetachedStart:
    """A node that runs and serves."""

    pid: int
    seconds: float


class StartFailed(Exception):
    """The daemon ended, or stayed silent, before it served."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.message = message
        self.exit_code = exit_code
        super().__init__(message)


def start_detached(log_file: Path, *, timeout_s: float = 30.0, module: str = "runtime.daemon") -> DetachedStart:
    """Starts `python -m <module>` in the background with this process's environment.

    Returns when the daemon reports ready. Raises `StartFailed` with the daemon's own sentence and exit code, or
    when it is not ready within `timeout_s` (it is then terminated).
    """
    began = time.monotonic()
    _make_log_directory(log_file.parent)
    read_end, write_end = os.pipe()
    command = [sys.executable, "-P", "-m", module, "--ready-fd", str(write_end)]
    with open(log_file.with_name(STRAY_LOG), "wb", opener=_private) as stray:
        # What escapes structlog (an interpreter crash, a C library) lands beside the log, this start's only.
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stray,
            stderr=stray,
            start_new_session=True,
            pass_fds=(write_end,),
            env=_environment(),
            cwd="/",
        )
    os.close(write_end)
    try:
        line = _read_line(read_end, began + timeout_s)
    finally:
        os.close(read_end)
    if line is None:
        child.terminate()
        raise StartFailed(
            f"the node (pid {child.pid}) was not ready after {timeout_s:g} s; see {log_file}.", EXIT_FAILED
        )
    report = _parsed(line)
    if report.get("ready"):
        # The child outlives us on purpose, so its exit status is not collected here.
        child.returncode = 0
        return DetachedStart(pid=child.pid, seconds=time.monotonic() - began)
    code = child.wait(timeout=10)
    message = str(report.get("error") or _unreported(code, log_file))
    raise StartFailed(message, int(report.get("exit_code") or EXIT_FAILED))


def _make_log_directory(directory: Path) -> None:
    try:
        make_private(directory)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartFailed(
            f"the log directory {directory} cannot be used: {reason}. Correct that, or set EVOPIPE_STATE_DIR.",
            EXIT_STATE_UNUSABLE,
        ) from error


def report_ready(fd: int) -> None:
    """From the daemon: it serves."""
    _report(fd, {"ready": True, "pid": os.getpid()})


def report_failure(fd: int, message: str, exit_code: int) -> None:
    """From the daemon: it will not."""
    _report(fd, {"error": message, "exit_code": exit_code})


def _report(fd: int, value: dict[str, object]) -> None:
    try:
        os.write(fd, (json.dumps(value) + "\n").encode())
        os.close(fd)
    except BrokenPipeError:
        pass  # whoever started us has gone; the node lives on


def _read_line(fd: int, deadline: float) -> bytes | None:
    received = b""
    while not received.endswith(b"\n"):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([fd], [], [], remaining)[0]:
            return None
        chunk = os.read(fd, 4096)
        if not chunk:
            return received
        received += chunk
    return received


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(line)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _private(path: str, flags: int) -> int:
    """For the owner only, whatever the umask; a file of a former version becomes so."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _unreported(code: int, log_file: Path) -> str:
    """What can be said of a daemon that ended without a word: an import that failed, a crash of the interpreter."""
    stray = log_file.with_name(STRAY_LOG)
    lines = stray.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = f" ({lines[-1]})" if lines else ""
    return f"the node ended with code {code} before it was ready{last}; see {stray}."


def _environment() -> dict[str, str]:
    # In an uninstalled checkout only the caller's sys.path leads to our packages.
    root = str(Path(runtime.__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(part for part in (root, inherited) if part)
    # The child's working directory is another one, so what was relative to ours is made absolute.
    places = {name: str(Path(os.environ[name]).absolute()) for name in PATH_VARIABLES if os.environ.get(name)}
    return {**os.environ, **places, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
