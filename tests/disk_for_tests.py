"""A disk that holds up one save of an actor's state, as long as a test wants."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

_PATIENCE_S = 10.0


class HeldSave:
    """Makes the first `save` of a class of files after `hold` wait until `let_go`; all others go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, files: type[Any]) -> None:
        self._holding, self._entered, self._gate, self._over = (threading.Event() for _ in range(4))
        save = files.save

        def held(*arguments: Any) -> None:
            if not self._holding.is_set():
                save(*arguments)
                return
            self._holding.clear()
            self._entered.set()
            try:
                assert self._gate.wait(_PATIENCE_S)
                save(*arguments)
            finally:
                self._over.set()

        monkeypatch.setattr(files, "save", held)

    def hold(self) -> None:
        """Holds up the next save."""
        self._holding.set()

    async def entered(self) -> None:
        """Returns when a save is being held up."""
        assert await asyncio.to_thread(self._entered.wait, _PATIENCE_S)

    async def let_go(self) -> None:
        """Lets it go on, and returns when it has ended, well or not."""
        self._gate.set()
        assert await asyncio.to_thread(self._over.wait, _PATIENCE_S)
