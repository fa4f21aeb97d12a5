"""The watchdog's process: `python -I -S -c "... main()"`, started by `runtime.daemon.keeper` before the node's loop.

It shares no loop, no interpreter lock and no package with the node. It ends with the node, however that ends: a
descriptor of the process (pidfd) tells of a kill -9 as of an orderly end, so that no orphan is left behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time

from runtime.watchdog import latch
from runtime.watchdog.pulse import Pulse
from runtime.watchdog.verdict import Patience

LOOK_S = 0.1
LATCH_S = 5.0
BYE = 0
"""On the control pipe: the node has ended its work. Any other byte is the number of a signal that the node got."""


class Guard:
    """`node` is the node's pid; of `pipes` the first is the one on which its signals come, also those that its
    interpreter is too busy to see, the second the one on which they go back, to wake a loop that waits outside of
    Python."""

    def __init__(self, node: int, pulse: Pulse, pipes: tuple[int, int], state_dir: str, log_file: str) -> None:
        self._node = node
        self._pulse = pulse
        self._control, self._echo = pipes
        self._state_dir = state_dir
        self._log_file = log_file
        self._trigger = str(latch.trigger_file(state_dir))
        self._handle = os.pidfd_open(node) if hasattr(os, "pidfd_open") else None
        self._patience = Patience()
        self._signalled = False

    def watch(self) -> None:
        """Returns when the node has ended or was stopped."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if self._handle is not None:
            poll.register(self._handle, select.POLLIN)
        while os.getppid() == self._node:
            ready = dict(poll.poll(LOOK_S * 1000))
            if self._handle in ready or (self._control in ready and not self._listen()):
                return
            why = self._look()
            if why:
                self._stop_hard(why)
                return

    def on_signal(self, *_: object) -> None:
        """SIGUSR1 to the watchdog itself asks for the node's switch."""
        self._signalled = True

    def _listen(self) -> bool:
        heard = os.read(self._control, 4096)
        with contextlib.suppress(OSError):  # full: then the loop has been called and does not come; or it is gone
            os.write(self._echo, heard)
        if signal.SIGUSR1 in heard:
            self._signalled = True
        return bool(heard) and BYE not in heard

    def _look(self) -> str:
        pulse = self._pulse
        why = self._patience.exhausted(
            time.monotonic(),
            asked=self._signalled or os.path.lexists(self._trigger),
            board=pulse.board,
            in_force=pulse.in_force,
            beats=pulse.beats,
            told=pulse.told,
        )
        if self._patience.confirmed:
            self._signalled = False
        return why

    def _stop_hard(self, why: str) -> None:
        self._send(signal.SIGSTOP)  # first of all: nothing goes out any more, whatever the disk does now
        signal.signal(signal.SIGALRM, self._kill_and_leave)
        signal.setitimer(signal.ITIMER_REAL, LATCH_S)
        asked = "a signal" if self._signalled else f"the file {self._trigger}{self._words()}"
        reason = f"the watchdog stopped the node hard: {why} (asked by {asked})"
        say(f"{reason}; pid {self._node} ends now, and the next start is held until `evopipe arm node --reason ...`.")
        latched = latch.latch(self._state_dir, reason, time.time())
        self._send(signal.SIGKILL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if not latched:
            say(f"the switch could not be latched in {self._state_dir}: look at the disk before you start the node.")
        latch.log(self._log_file, "node_stopped_hard", reason=reason, pid=self._node, latched=latched)

    def _words(self) -> str:
        """What the trigger file says, for the switch outlives the file."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._trigger, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                words = os.read(descriptor, 400).decode("utf-8", "replace").partition("\n")[0].strip()
            finally:
                os.close(descriptor)
            return f": {words}" if words else ""
        return ""

    def _kill_and_leave(self, *_: object) -> None:
        self._send(signal.SIGKILL)
        say(f"{self._state_dir} did not take the latched switch within {LATCH_S:g} s: look at the disk.")
        os._exit(1)

    def _send(self, number: signal.Signals) -> None:
        try:
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            elif os.getppid() == self._node:
                os.kill(self._node, number)
        except ProcessLookupError:
            return  # it has just ended by itself


def say(sentence: str) -> None:
    """One sentence on the node's stderr, if somebody still reads that."""
    try:
        os.write(2, f"evopipe watchdog: {sentence}\n".encode())
    except OSError:
        return


def main() -> None:
    """Arguments: the node's pid, the descriptors of pulse, control pipe and echo, state directory, log file."""
    # Those are for the node; a terminal and a service manager send them to the whole group.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    node, pulse, control, echo = (int(each) for each in sys.argv[1:5])
    guard = Guard(node, Pulse(pulse), (control, echo), sys.argv[5], sys.argv[6])
    signal.signal(signal.SIGUSR1, guard.on_signal)
    guard.watch()
