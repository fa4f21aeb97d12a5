"""`preset`: {preset, overrides} -> the options."""

from __future__ import annotations

from typing import Any

from pipelines.presets import with_overrides


def options(given: dict[str, Any]) -> dict[str, Any]:
    """The preset's options with the overrides merged in."""
    return with_overrides(given["preset"], given.get("overrides") or {})
