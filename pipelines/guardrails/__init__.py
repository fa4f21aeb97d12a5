"""Guardrail rules as pure values and functions; actors apply them."""

from pipelines.guardrails.kill_switch import (
    NAMELESS,
    NOBODY,
    InvalidSwitchError,
    Key,
    KillStateError,
    KillSwitchError,
    Level,
    NotTriggeredError,
    StepMark,
    Subject,
    Switch,
    Triggered,
)

__all__ = [
    "NAMELESS",
    "NOBODY",
    "InvalidSwitchError",
    "Key",
    "KillStateError",
    "KillSwitchError",
    "Level",
    "NotTriggeredError",
    "StepMark",
    "Subject",
    "Switch",
    "Triggered",
]
