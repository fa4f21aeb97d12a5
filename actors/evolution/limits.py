"""What an order may ask for. Pure."""

from __future__ import annotations

import re

from actors.evolution.errors import InvalidOrderError
from actors.evolution.messages import Evolve

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def check_order(order: Evolve) -> None:
    """Raises `InvalidOrderError` for a figure out of range or an id that cannot name a directory."""
    limits = {
        "generations": (order.generations, 1, 1000),
        "population": (order.population, 2, 1000),
        "budget_requests": (order.budget_requests, 1, 1_000_000),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise InvalidOrderError(f"{name} must be between {low} and {high}, got {value}")
    if order.evolution_id is not None and not _ID.fullmatch(order.evolution_id):
        raise InvalidOrderError(f"the id {order.evolution_id!r} must be letters, digits, '_', '.', '-', at most 64")
