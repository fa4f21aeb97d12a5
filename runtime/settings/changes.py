"""What differs between two settings, by name only: values may be secrets, or lead to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast


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
