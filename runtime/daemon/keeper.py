"""The node's side of its watchdog: starts the guard's process before the loop, keeps telling it that the loop turns,
notices its death and starts another.

Without a watchdog the node goes on, and says so in the log and in `evopipe status`: its switches still work as long as
its loop does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

import runtime
from actors.kernel.cores import roam
from pipelines.guardrails.kill_switch import Level, Triggered
from runtime.watchdog import Pulse

BEAT_S = 0.25
END_S = 1.0
LONGEST_PAUSE_S = 30.0
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runtime.watchdog.guard import main; main()"


class GuardKeeper:
    """Owns the guard's process and what is shared with it. A context manager around the loop; `beat` runs in it."""

    def __init__(self, state_dir: Path, log_file: Path) -> None:
        self._places = (str(state_dir), str(log_file))
        self._pulse = Pulse()
        self._listening, self._control = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self._control, False)
        self._echo, self._echoing = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
        os.set_blocking(self._echo, False)
        os.set_blocking(self._echoing, False)
        self._process: subprocess.Popen[bytes] | None = None
        self._former_wakeup = -1
        self._problem = ""
        self._deaths = 0
        self._pause_s = 0.0
        self._next_try = 0.0

    def __enter__(self) -> GuardKeeper:
        self._start()
        # The C part of Python's signal handling writes the number there at once, whatever holds the interpreter.
        self._former_wakeup = signal.set_wakeup_fd(self._control, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._former_wakeup)
        with contextlib.suppress(OSError):
            os.write(self._control, b"\0")
        for descriptor in (self._control, self._listening, self._echo, self._echoing):
            os.close(descriptor)
        if self._process is not None:
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pulse.close()

    def witness(self, triggered: Triggered) -> None:
        """What the KillView calls at each change and while it is carried out: tells the guard whether the node's switch
        is in force."""
        self._pulse.tell(in_force=(Level.NODE, "") in triggered)

    def facts(self) -> Mapping[str, object]:
        """For `evopipe status`."""
        if self._process is None:
            return {"state": f"down: {self._problem}", "deaths": self._deaths}
        return {"state": "watching", "pid": self._process.pid, "deaths": self._deaths}

    async def beat(self) -> None:
        """Tells the guard that the loop turns, and looks whether the guard lives; until it is cancelled."""
        loop = asyncio.get_running_loop()
        now = loop.time
        # uvloop takes this place for itself when it begins to run, and waits outside of Python, so that without it no
        # signal wakes it: the guard sends back what it hears. Without a guard the next beat has to do.
        signal.set_wakeup_fd(self._control, warn_on_full_buffer=False)
        loop.add_reader(self._echo, self._drain)
        try:
            await self._beat(now)
        finally:
            loop.remove_reader(self._echo)

    def _drain(self) -> None:
        """Python has seen the signals themselves by now."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._echo, 4096)

    async def _beat(self, now: Callable[[], float]) -> None:
        while True:
            self._pulse.beat()
            if self._process is not None and self._process.poll() is not None:
                self._mourn(self._process.returncode, now())
            if self._process is None and now() >= self._next_try:
                self._start_again(now())
            await asyncio.sleep(BEAT_S)

    def _mourn(self, code: int, now: float) -> None:
        self._process = None
        self._deaths += 1
        self._problem = f"its process ended with code {code}"
        _log().error("watchdog_died", code=code, deaths=self._deaths, started_again_in_s=self._pause_s)
        self._wait(now)

    def _start_again(self, now: float) -> None:
        self._start()
        if self._process is not None:
            _log().warning("watchdog_started_again", **self.facts())
        else:
            _log().error("watchdog_not_started", problem=self._problem)
            self._wait(now)

    def _wait(self, now: float) -> None:
        self._next_try = now + self._pause_s
        self._pause_s = min(max(1.0, 2 * self._pause_s), LONGEST_PAUSE_S)

    def _start(self) -> None:
        root = str(Path(runtime.__file__).resolve().parents[1])
        shared = (self._pulse.fd, self._listening, self._echoing)
        command = [sys.executable, "-I", "-S", "-c", _START, root, str(os.getpid()), *map(str, shared), *self._places]
        try:
            # A session of its own: what a terminal sends to the node's group must not end its watchdog.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=shared, start_new_session=True, cwd="/"
            )
            # It is there for a loop that is blocked: it must not wait for that one's core.
            roam(self._process.pid)
        except OSError as error:
            self._problem = f"it cannot be started: {error}"


def _log() -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger("evopipe.daemon")
