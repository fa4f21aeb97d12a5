"""All evolutions' ledgers on the disk: `<state_dir>/evolution/<id>/`. Blocking code."""

from __future__ import annotations

from pathlib import Path

from actors.evolution import ledger
from actors.evolution.errors import LedgerError
from actors.evolution.messages import EvolutionState, EvolutionStatus, Evolve
from actors.evolution.progress import replayed, state_of

Kept = tuple[EvolutionState, Evolve | None]


class Shelf:
    """The evolutions below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def directory(self, evolution_id: str) -> Path:
        """Where an evolution keeps its ledger, its best pipeline and its runs' files."""
        return self._root / evolution_id

    def newest(self, count: int) -> list[Kept]:
        """The newest evolutions, oldest first. One that cannot be read is known as failed, and has no order."""
        try:
            found = [(self._changed_at(entry), entry) for entry in self._root.iterdir()]
        except OSError:
            # Nothing was ever kept here, or nothing can be: that is told when an evolution wants to write.
            return []
        with_ledger = sorted((at, entry) for at, entry in found if at is not None)
        return [self.read(entry.name) for _, entry in with_ledger[-count:]]

    def read(self, evolution_id: str) -> Kept:
        """What the ledger says of one evolution."""
        directory = self.directory(evolution_id)
        try:
            known_as, order, progress = replayed(ledger.read(directory / ledger.LEDGER_FILE))
        except LedgerError as error:
            unreadable = EvolutionState(evolution_id, "", "failed", 0, 0, directory=str(directory), reason=str(error))
            return unreadable, None
        return state_of(known_as, order, progress, str(directory)), order

    def end(self, evolution_id: str, status: EvolutionStatus, reason: str) -> EvolutionState | None:
        """Ends an evolution in its ledger, unless that has an end already, which then stands. None when it was never
        opened: then nothing can go on either. Raises `LedgerError`.

        For one whose chamber is gone: two writers at a time would tear each other's lines.
        """
        path = self.directory(evolution_id) / ledger.LEDGER_FILE
        lines = ledger.recover(path)
        if not lines:
            return None
        if not ledger.has_ended(lines):
            ledger.append(path, [{"kind": "ended", "status": status, "reason": reason}])
        return self.read(evolution_id)[0]

    def _changed_at(self, entry: Path) -> float | None:
        try:
            return (entry / ledger.LEDGER_FILE).stat().st_mtime
        except OSError:
            return None
