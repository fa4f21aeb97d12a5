"""The crash desk: decides which abnormal ends are reported, and says each once.

OTP reports a crash three times (the process, its supervisor, each process linked to it). Here the actor whose exit
began it gives one `CrashReport`; those that only share its fate, by links or because a child's failed start was theirs,
give one `FateShared` together, when the last of them has ended. A kill gives `ActorKilled`: somebody wanted it.

Nothing is noted or made while nobody listens. A note is taken where the error still meets its message and becomes a
report at the end of the exit, because until then `on_stop` or a kill may change the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actors.kernel.crash_report import (
    FROM_OUTSIDE,
    MOST_NAMES,
    ActorKilled,
    CrashReported,
    FateShared,
    Note,
    report_of,
    reported_in,
    shape_of,
)
from actors.kernel.errors import StartError
from actors.kernel.exits import Crashed, ExitReason, Killed, is_abnormal
from actors.kernel.redaction import said

if TYPE_CHECKING:
    from actors.kernel.cell import Cell
    from actors.kernel.kernel import Kernel


@dataclass(slots=True, eq=False)
class _Fall:
    """One origin and all that its end takes along. It is over when nobody of them is ending any more."""

    origin: str
    reason: ExitReason
    cells: list[Cell]
    ending: int = 0
    count: int = 0
    names: list[str] = field(default_factory=list[str])


class CrashDesk:
    """One kernel's book of exits that are under way. All of it runs in exits only, never on a message's way."""

    __slots__ = ("_falls", "_kernel", "_notes", "_open")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._notes: dict[Cell, Note] = {}
        self._falls: dict[Cell, _Fall] = {}
        self._open: list[_Fall] = []

    def note(self, cell: Cell, during: str, item: Any = None) -> None:
        """`cell` is about to end abnormally, by `item` where it was a message. The first note of an exit holds."""
        if cell.reason is None and self._heard:
            self._notes[cell] = Note(during, shape_of(item))

    def note_ending(self, cell: Cell, during: str) -> None:
        """Something failed while `cell` was ending, and becomes its reason."""
        if self._heard:
            self._notes[cell] = Note(during, None, None if cell.reason is None else said(cell.reason))

    def fell(self, cell: Cell, sender: Cell, reason: ExitReason) -> None:
        """The signal of a link is about to end `cell`."""
        if not is_abnormal(reason) or not self._heard:
            return
        fall = self._falls.get(sender)
        if fall is None:
            self.note(cell, f"link to {sender}")
            return
        fall.ending += 1
        fall.cells.append(cell)
        self._falls[cell] = fall

    def ended(self, cell: Cell, reason: ExitReason) -> None:
        """`cell` has ended abnormally; its links hear of it next."""
        note = self._notes.pop(cell, None)
        fall = self._falls.get(cell)
        if fall is not None:
            fall.ending -= 1
            if fall.reason == reason:
                _count(fall, cell)
                return
        if not self._heard:
            return
        if cell.links:
            own = self._falls[cell] = _Fall(str(cell), reason, [cell])
            self._open.append(own)
        self._publish(cell, reason, note)

    @property
    def _heard(self) -> bool:
        hears = self._kernel.events.hears
        return hears(CrashReported) or hears(FateShared) or hears(ActorKilled)

    @property
    def pending(self) -> int:
        """How many exits under way the desk keeps something of; 0 when nobody is ending."""
        return len(self._notes) + len(self._falls)

    def settled(self) -> None:
        """No signal is on its way. Says what is over."""
        if not self._open:
            return
        over = [fall for fall in self._open if not fall.ending]
        self._open = [fall for fall in self._open if fall.ending]
        for fall in over:
            for cell in fall.cells:
                if self._falls.get(cell) is fall:
                    del self._falls[cell]
            if fall.count:
                self._kernel.events.publish(FateShared(fall.origin, fall.reason, fall.count, tuple(fall.names)))

    def _publish(self, cell: Cell, reason: ExitReason, note: Note | None) -> None:
        publish = self._kernel.events.publish
        if isinstance(reason, Killed):
            publish(ActorKilled(cell.ref))
            return
        note = note or Note(FROM_OUTSIDE)
        error = reason.exception if isinstance(reason, Crashed) else None
        if isinstance(error, StartError) and note.during == "on_start" and (origin := reported_in(error)) is not None:
            publish(FateShared(origin, error.reason, 1, (str(cell),)))
        else:
            publish(CrashReported(report_of(cell, reason, note)))


def _count(fall: _Fall, cell: Cell) -> None:
    fall.count += 1
    if len(fall.names) < MOST_NAMES:
        fall.names.append(str(cell))
