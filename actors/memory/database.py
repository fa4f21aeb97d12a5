"""The pattern database: which strategy helped against which error of which step type.

It outlives runs and restarts of the node. Losing it costs only order: the fallback then starts from its first guess.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from actors.kernel import Actor
from actors.memory import patterns
from actors.memory.messages import PatternsSetAside, PatternsUnsaved, Recall, Remember
from pipelines.recovery import Experience, Strategy

FILE_NAME = "patterns.json"


class PatternDatabase(Actor):
    """Answers `Remember` and `Recall`. Keeps its patterns in `<state_dir>/patterns.json` (0600).

    Files are written on a thread; what is learned meanwhile goes into the next write. A file that cannot be read is set
    aside (`PatternsSetAside`); a disk that cannot be written is reported (`PatternsUnsaved`) and does not end the
    actor. After a crash at most the attempts of the last unfinished write are missing.
    """

    def __init__(self, state_dir: str | Path) -> None:
        super().__init__()
        self._file = patterns.PatternFile(Path(state_dir) / FILE_NAME)
        self._patterns: dict[patterns.Key, Experience] = {}
        self._learned = 0
        self._saved = 0
        self._saving: asyncio.Task[Any] | None = None

    async def on_start(self) -> None:
        try:
            self._patterns = await asyncio.to_thread(self._file.load, self._file.turn())
        except patterns.UnreadablePatternsError as error:
            await self._set_aside(str(error))

    async def on_stop(self) -> None:
        if self._saved < self._learned:
            await self._save()

    def on_receive(self, message: Any) -> Any:
        match message:
            case Remember(step_type, error_code, strategy, fitted):
                self._patterns = patterns.counted(self._patterns, (step_type, error_code, strategy), fitted)
                self._learned += 1
                if self._saving is None or self._saving.done():
                    self._saving = self.spawn_task(self._save_until_done())
                return None
            case Recall(step_type, error_code):
                return self._recall(step_type, error_code)
            case _:
                return super().on_receive(message)

    def _recall(self, step_type: str, error_code: str) -> dict[Strategy, Experience]:
        return {key[2]: seen for key, seen in self._patterns.items() if key[:2] == (step_type, error_code)}

    async def _save_until_done(self) -> None:
        while self._saved < self._learned:
            if not await self._save():
                return

    async def _save(self) -> bool:
        number = self._learned
        try:
            await asyncio.to_thread(self._file.save, self._patterns, self._file.turn())
        except OSError as error:
            self.kernel.events.publish(PatternsUnsaved(str(self._file.path), str(error)))
            return False
        self._saved = number
        return True

    async def _set_aside(self, reason: str) -> None:
        try:
            kept = await asyncio.to_thread(self._file.set_aside, self._file.turn())
        except OSError as error:
            reason = f"unreadable ({reason}) and cannot be moved: {error}"
            self.kernel.events.publish(PatternsUnsaved(str(self._file.path), reason))
            return
        self.kernel.events.publish(PatternsSetAside(str(self._file.path), str(kept), reason))
