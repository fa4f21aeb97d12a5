"""Guardrail rules as pure values and functions; actors apply them."""

from pipelines.guardrails.kill_switch import (
    InvalidSwitchError,
    Key,
    KillStateError,
    KillSwitchError,
    Level,
    NotTriggeredError,
    Switch,
    Triggered,
)

__all__ = [
    "InvalidSwitchError",
    "Key",
    "KillStateError",
    "KillSwitchError",
    "Level",
    "NotTriggeredError",
    "Switch",
    "Triggered",
]
