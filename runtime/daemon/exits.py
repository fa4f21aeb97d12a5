"""Why a daemon ends before or instead of serving.

    DaemonError(exit_code)
    └─ AlreadyRunningError        (runtime.daemon.lock)

The codes are those of the command line (`runtime.cli.exits`), so that `evopipe up` passes them through.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_CONFIG = 2
EXIT_ALREADY_RUNNING = 5
EXIT_STATE_UNUSABLE = 6


class DaemonError(Exception):
    """The daemon cannot start; `message` is one sentence for a person, `exit_code` for a machine."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.message = message
        self.exit_code = exit_code
        super().__init__(message)
