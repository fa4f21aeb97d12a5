"""A whole node in a home of its own, as a user has it: the real command, a real process, the real socket."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.command_nursery import run_command

ROOT = Path(__file__).resolve().parents[1]


class Command:
    """`evopipe` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.socket = home / "run" / "evopipe" / "evopipe.sock"
        (home / "run").mkdir(mode=0o700)
        # LINES and COLUMNS: the readline of a parallel test process sets them for a terminal that is not ours.
        dropped = ("EVOPIPE_", "XDG_", "LINES", "COLUMNS")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.env = {
            **{name: value for name, value in kept.items() if not name.endswith("_API_KEY")},
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "EVOPIPE_METRICS__PORT": "0",
            "PYTHONPATH": str(ROOT),
        }

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run_command(words, cwd=self.home, env=self.env, timeout_s=60)

    def end(self) -> None:
        """Kills the node if one runs, whatever state it is in: who holds the lock is known from the lock alone."""
        lock = self.socket.with_name("evopipe.sock.lock")
        if not lock.exists():
            return
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = int(file.read())
                os.kill(pid, signal.SIGKILL)
                wait_gone(pid)

    def status(self) -> dict[str, Any]:
        return json.loads(self("status", "--json").stdout)


@contextmanager
def node_home() -> Generator[Command]:
    """A home that is gone afterwards, and its node with it."""
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        command = Command(Path(name))
        try:
            yield command
        finally:
            command.end()


def wait_gone(pid: int) -> None:
    """Returns when the process has ended; fails after 10 s."""
    handle = os.pidfd_open(pid)
    try:
        assert select.select([handle], [], [], 10)[0], f"process {pid} did not end"
    finally:
        os.close(handle)


def read_until(stream: IO[bytes], words: str, seconds: float = 15.0) -> str:
    """What comes until `words` are in it; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    seen = ""
    while time.monotonic() < deadline:
        if select.select([stream], [], [], 0.2)[0]:
            came = os.read(stream.fileno(), 65_536)
            assert came, f"ended without {words!r}:\n{seen}"
            seen += came.decode(errors="replace")
            if words in seen:
                return seen
    raise AssertionError(f"no {words!r} in:\n{seen}")


@contextmanager
def on_a_terminal(
    evopipe: Command, *words: str, lines: int = 24
) -> Generator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """The command on a terminal of its own, 100 columns wide, and that terminal's other end."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 100, 0, 0))
    command = [sys.executable, "-m", "runtime.cli", *words]
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        try:
            process = subprocess.Popen(
                command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=evopipe.home, env=evopipe.env,
                preexec_fn=_own_terminal,  # noqa: PLW1509 - the tests have one thread when they start processes
            )  # fmt: skip
        finally:
            os.close(theirs)
        with process:
            try:
                yield process, screen
            finally:
                process.kill()


def _own_terminal() -> None:
    """In the child: a session whose terminal is its stdin, so that Ctrl-C reaches it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests with "&" has it ignored
