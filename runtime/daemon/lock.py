"""One node a socket: an advisory lock on `<socket>.lock`, which the operating system drops when its holder dies.

A pid file alone would not do: pids are reused, and a killed node leaves its file behind.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType

from runtime.daemon.exits import EXIT_ALREADY_RUNNING, EXIT_STATE_UNUSABLE, DaemonError


class AlreadyRunningError(DaemonError):
    """Another process holds the lock; `pid` is what it wrote, or None."""

    def __init__(self, socket_path: Path, pid: int | None) -> None:
        self.pid = pid
        who = f" (pid {pid})" if pid is not None else ""
        or_kill = f" (`kill {pid}` if it does not answer)" if pid is not None else ""
        super().__init__(
            f"a node{who} already serves {socket_path}; stop it with `evopipe down`{or_kill}, "
            "or choose another socket with EVOPIPE_SOCKET_PATH (and another EVOPIPE_STATE_DIR).",
            EXIT_ALREADY_RUNNING,
        )


class InstanceLock:
    """Holds `path` locked between `acquire` and `release`; `protects` is named in the error."""

    def __init__(self, path: Path, protects: Path) -> None:
        self.path = path
        self.protects = protects
        self._fd: int | None = None

    @classmethod
    def for_socket(cls, socket_path: Path) -> InstanceLock:
        """The lock that goes with a socket."""
        return cls(socket_path.with_name(socket_path.name + ".lock"), socket_path)

    def acquire(self) -> None:
        """Takes the lock at once or raises `AlreadyRunningError`; `DaemonError` when the file cannot be made."""
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise DaemonError(
                f"the lock file {self.path} cannot be opened: {error.strerror}.", EXIT_STATE_UNUSABLE
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = _pid_in(fd)
            os.close(fd)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise AlreadyRunningError(self.protects, pid) from None
            raise DaemonError(
                f"the lock file {self.path} cannot be locked: {error.strerror}.", EXIT_STATE_UNUSABLE
            ) from error
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(fd)
            raise DaemonError(
                f"the lock file {self.path} cannot be written: {error.strerror}.", EXIT_STATE_UNUSABLE
            ) from error
        self._fd = fd

    def release(self) -> None:
        """Drops the lock. The file stays: deleting it would let two nodes lock two different files of that name."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> InstanceLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _pid_in(fd: int) -> int | None:
    text = os.pread(fd, 32, 0).decode("ascii", errors="replace").strip()
    return int(text) if text.isdigit() else None
