"""Refs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.kernel.cell import Cell
from actors.kernel.ref import ActorRef

if TYPE_CHECKING:
    from actors.kernel.kernel import Kernel


class NameRef(ActorRef[Any]):
    """A ref by name: whoever holds the name when a message is sent. Equal to another ref of the same name."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self._kernel = kernel
        self._cell = None
        self._name = name

    def resolve(self) -> Cell | None:
        return self._kernel.registry.find(self._name)

    @property
    def name(self) -> str | None:
        return self._name

    def __str__(self) -> str:
        return self._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameRef) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)
