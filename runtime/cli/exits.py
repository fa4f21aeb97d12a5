"""The exit codes of `evopipe`, the same for every command."""

from __future__ import annotations

OK = 0
FAILED = 1  # the run (or what was asked) failed
INVALID = 2  # wrong usage, invalid pipeline, invalid settings, no such run
UNREACHABLE = 3  # no node answers on the socket
REFUSED = 4  # a kill switch is triggered, a guardrail says no, or a limit is reached
ALREADY_RUNNING = 5  # `up`: another node holds the socket or the state directory
STATE_UNUSABLE = 6  # `up`: the state directory is full, unwritable or not private
INTERRUPTED = 130  # Ctrl-C; a run that was followed goes on

HELP = (
    "Exit codes: 0 done, 1 failed, 2 invalid usage, pipeline or settings, 3 no node answers, "
    "4 refused by a kill switch, guardrail or limit, 5 already running, 6 state directory unusable, 130 interrupted."
)


def code_of_status(status: int) -> int:
    """The exit code for an error answer of the node."""
    if status in (423, 429, 503):
        return REFUSED
    return INVALID if 400 <= status < 500 and status != 408 else FAILED
