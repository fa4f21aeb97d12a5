"""systemd's readiness and watchdog protocol: datagrams to the socket in NOTIFY_SOCKET (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Tells systemd how the node is; does nothing when not started by systemd.

    Sending never blocks and never fails the node: a full or missing socket loses the message, and systemd's own
    timeouts then decide.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        env = os.environ if environ is None else environ
        self._address = _address(env.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval_s = _watchdog_interval(env)

    @property
    def active(self) -> bool:
        """Whether anybody listens."""
        return self._address is not None

    def ready(self) -> None:
        """The node serves."""
        self._send("READY=1", f"MAINPID={os.getpid()}")

    def stopping(self) -> None:
        """The node drains and will end."""
        self._send("STOPPING=1")

    def reloading(self) -> None:
        """The settings are being read again; follow with `ready`."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send("STATUS=" + text.replace("\n", " "))

    def watchdog(self) -> None:
        """The loop turns. Call every `watchdog_interval_s`, from the loop itself."""
        self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Asks for that much more time before a start or stop counts as hung."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as out,
        ):
            out.sendto("\n".join(lines).encode(), self._address)


def _address(named: str) -> str | bytes | None:
    if named.startswith("@"):
        return b"\0" + named[1:].encode()  # Linux's abstract namespace
    return named if named.startswith("/") else None


def _watchdog_interval(env: Mapping[str, str]) -> float | None:
    microseconds = env.get("WATCHDOG_USEC", "")
    pid = env.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or int(microseconds) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000 / 2  # systemd asks for half its limit
