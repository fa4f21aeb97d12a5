"""The breakers' state on the disk. Blocking code; `save` and `load` may raise `OSError`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from actors.disk import StateFileError, Turn, move_aside, read_whole, replace_whole
from pipelines.guardrails.breaker_panel import KeptBreaker
from pipelines.guardrails.breaker_state import BreakerStateError, parse, serialise

STATE_FILE = "breakers.json"
MOST_BYTES = 10_000_000


class BreakerFile:
    """`breakers.json` of one state directory, for the owner only."""

    def __init__(self, state_dir: str | Path) -> None:
        self.path = Path(state_dir) / STATE_FILE

    def turn(self) -> Turn:
        """A turn at the file, behind all that were made before. To be made on the loop."""
        return Turn(self.path)

    def load(self, turn: Turn) -> tuple[KeptBreaker, ...]:
        """What was saved; nothing yet is the empty state. Raises `BreakerStateError`, too."""
        try:
            text = read_whole(self.path, MOST_BYTES, turn)
        except StateFileError as error:
            raise BreakerStateError(str(error)) from error
        return () if text is None else parse(text)

    def move_aside(self, turn: Turn) -> Path:
        """Keeps a state that cannot be understood beside the new one; the path it has now."""
        return move_aside(self.path, turn)

    def save(self, kept: Iterable[KeptBreaker], turn: Turn) -> None:
        """Replaces the state as one step: after a crash or power cut the file holds the old one or the new one."""
        replace_whole(self.path, serialise(kept).encode("ascii"), turn)
