"""The node as a process: one instance a socket, readiness, signals, logs, systemd.

What runs the node (`run_daemon`) is imported when it is first asked for: commands need the lock and the start only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.daemon.detach import DetachedStart, StartFailed, start_detached
from runtime.daemon.exits import (
    EXIT_ALREADY_RUNNING,
    EXIT_BAD_CONFIG,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_STATE_UNUSABLE,
    DaemonError,
)
from runtime.daemon.lock import AlreadyRunningError, InstanceLock
from runtime.daemon.places import prepare_socket_place, restore_note

if TYPE_CHECKING:
    from runtime.daemon.process import NodeLike, run_daemon

__all__ = [
    "EXIT_ALREADY_RUNNING",
    "EXIT_BAD_CONFIG",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_STATE_UNUSABLE",
    "AlreadyRunningError",
    "DaemonError",
    "DetachedStart",
    "InstanceLock",
    "NodeLike",
    "StartFailed",
    "prepare_socket_place",
    "restore_note",
    "run_daemon",
    "start_detached",
]


def __getattr__(name: str) -> object:
    if name not in ("NodeLike", "run_daemon"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from runtime.daemon import process  # noqa: PLC0415 - see above

    return getattr(process, name)
