"""Well-known names of an evolution's actors."""

from __future__ import annotations


def tree_name(evolution_id: str) -> str:
    """The registered name of the supervisor over an evolution's chamber and organisms."""
    return f"evolution.{evolution_id}"


def chamber_name(evolution_id: str) -> str:
    """The registered name of an evolution's chamber."""
    return f"{tree_name(evolution_id)}.chamber"


def organisms_name(evolution_id: str) -> str:
    """The registered name of the DynamicSupervisor that holds an evolution's organisms."""
    return f"{tree_name(evolution_id)}.organisms"
