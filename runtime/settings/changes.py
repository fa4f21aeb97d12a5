"""What differs between two settings, by name only (values may be secrets, or lead to them), and what of it a running
node can take over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from runtime.settings.model import Settings

#: Handed to their actors when these start.
FIXED = (
    "state_dir",
    "socket_path",
    "metrics",
    "providers",
    "routes",
    "journal",
    "retention",
    "rate_limits",
    "breakers",
    "budgets",
    "guardrails",
    "approvals",
    "audit",
    "access",
    "tcp",
    "host",
)
LIMITS_HELD = (
    "concurrent_runs",
    "concurrent_runs_per_tenant",
    "connections",
    "requests_per_s",
    "request_timeout_s",
)


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> list[str]:
    """The dotted names of the keys whose values differ, in their order."""
    found: list[str] = []
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += changed_keys(cast("dict[str, Any]", old), cast("dict[str, Any]", new), f"{above}{key}.")
        elif old != new:
            found.append(f"{above}{key}")
    return found


def taken_over(running: Settings, read: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The settings of a node that runs with `running` once it has `read`, and the names of what needs a restart."""
    fixed = [name for name in FIXED if getattr(read, name) != getattr(running, name)]
    held = [name for name in LIMITS_HELD if getattr(read.limits, name) != getattr(running.limits, name)]
    keep: dict[str, object] = {name: getattr(running, name) for name in fixed}
    keep["limits"] = read.limits.model_copy(update={name: getattr(running.limits, name) for name in LIMITS_HELD})
    return read.model_copy(update=keep), (*fixed, *(f"limits.{name}" for name in held))
