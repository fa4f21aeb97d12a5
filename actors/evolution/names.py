"""Well-known names of an evolution's actors."""

from __future__ import annotations


def chamber_name(evolution_id: str) -> str:
    """The registered name of an evolution's chamber."""
    return f"evolution.{evolution_id}.chamber"


def organisms_name(evolution_id: str) -> str:
    """The registered name of the DynamicSupervisor that holds an evolution's organisms."""
    return f"evolution.{evolution_id}.organisms"
