"""Who waits how long for whom, from the inside out: each waits longer than the one it asks, so that whoever knows why
something takes long is the one who says it.

The journal says within `commit_timeout_s` (30 s) what became of a batch, the runs wait longer than that for it, the
gateway longer than that for the runs, and a client longer than that for the gateway. All in seconds.
"""

from __future__ import annotations

from typing import Final

RUN_ENTRY_S: Final = 140.0
"""Longer than the runs take to record a run, or that it goes on, and to start it, before they give up and say why."""
TRAVEL_S: Final = 10.0
SHIPPED_REQUEST_S: Final = 30.0
"""`limits.request_timeout_s` as shipped, for a client that knows no settings."""


def answer_s(request_timeout_s: float) -> float:
    """Within this the gateway answers an ordinary request: the time to arrive, and the same again to be answered. Its
    parts tell their own lateness more exactly, so this is for what they do not cover."""
    return 2 * request_timeout_s + 1


def entry_s(request_timeout_s: float) -> float:
    """Within this the gateway answers a request that makes a run begin or go on."""
    return answer_s(request_timeout_s) + RUN_ENTRY_S


def client_answer_s(request_timeout_s: float = SHIPPED_REQUEST_S) -> float:
    """How long a client waits for an ordinary answer."""
    return answer_s(request_timeout_s) + TRAVEL_S


def client_entry_s(request_timeout_s: float = SHIPPED_REQUEST_S) -> float:
    """How long a client waits for the answer to a request that makes a run begin or go on."""
    return entry_s(request_timeout_s) + TRAVEL_S
