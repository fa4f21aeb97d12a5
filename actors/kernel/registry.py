"""Names of live actors. A name belongs to one live actor and is free in the same step in which its holder ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.kernel.errors import NameTakenError

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.ref import ActorRef


class Registry:
    """Name -> live actor. Used on the loop's thread; `whereis` may be read from any thread."""

    def __init__(self) -> None:
        self._cells: dict[str, Cell] = {}
        #: The control block of who holds a name, or None; for the kernel itself. Bound, not called through: each
        #: message to a name passes here.
        self.find = self._cells.get

    def whereis(self, name: str) -> ActorRef[Any] | None:
        """The live holder of `name`, or None."""
        cell = self._cells.get(name)
        return None if cell is None else cell.ref

    def names(self) -> tuple[str, ...]:
        """All names held now, sorted."""
        return tuple(sorted(self._cells))

    def register(self, name: str, cell: Cell) -> None:
        """Gives `name` to `cell`. Raises `NameTakenError` naming the holder."""
        holder = self._cells.get(name)
        if holder is not None and holder is not cell:
            raise NameTakenError(name, f"{holder.actor_class.__name__}#{holder.id}")
        self._cells[name] = cell
        cell.name = name

    def release(self, cell: Cell) -> None:
        """Frees the name of `cell`, if it is still the holder."""
        if cell.name is not None and self._cells.get(cell.name) is cell:
            del self._cells[cell.name]
