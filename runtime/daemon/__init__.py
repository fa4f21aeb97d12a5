"""The node as a process: one instance a socket, readiness, signals, logs, systemd."""

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
from runtime.daemon.places import prepare_socket_place
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
    "run_daemon",
    "start_detached",
]
