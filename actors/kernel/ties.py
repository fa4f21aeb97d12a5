"""Whom an actor is linked to. Nearly every actor has one link, to its supervisor: that one is kept as it is, and only
several take a dict. Thousands of actors begin and end in each second."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.kernel.cell import Cell


def tied(cell: Cell) -> Iterable[Cell]:
    """All that `cell` is linked to."""
    ties = cell.links
    if ties is None:
        return ()
    return ties if isinstance(ties, dict) else (ties,)


def tie(cell: Cell, other: Cell) -> None:
    """One side of a link. Twice is once."""
    ties = cell.links
    if ties is None:
        cell.links = other
    elif isinstance(ties, dict):
        ties[other] = None
    elif ties is not other:
        cell.links = {ties: None, other: None}


def untie(cell: Cell, other: Cell) -> bool:
    """Takes one side of a link off; whether it was there."""
    ties = cell.links
    if ties is other:
        cell.links = None
        return True
    return isinstance(ties, dict) and ties.pop(other, other) is None
