"""When the watchdog must stop the node hard. Pure: looks in, a verdict out."""

from __future__ import annotations

CONFIRM_S = 1.75
"""How long the node may take to put its switch in force; with a look every 0.1 s and the stop itself, within 2 s."""
BEAT_S = 2.0
"""How long its loop may then take to turn once more, or to cut off the next of what it stops: a switch that is set and
never carried out stops nothing."""
MOST_S = 10.0
"""How long it may cut off one thing after the other before its loop has turned: thousands, on a slow machine."""


class Patience:
    """What has been seen so far. `now` is in seconds of a monotonic clock."""

    __slots__ = ("_asked_at", "_beats_then", "_confirmed", "_in_force_at", "_met_board", "_told", "_told_at")

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._in_force_at: float | None = None
        self._beats_then = 0
        self._told = 0
        self._told_at = 0.0
        self._confirmed = False
        self._met_board = False

    def exhausted(self, now: float, *, asked: bool, board: bool, in_force: bool, beats: int, told: int = 0) -> str:
        """Why the node must be stopped now; empty while it need not be.

        `asked`: the node's switch is wanted; `board`: somebody in the node looks at switches. Before that nothing
        runs that a switch could stop, and the daemon's own start deadline holds. `told` grows while it is carried out.
        """
        if board and not self._met_board:
            self._met_board = True
            if in_force:  # it came up with it: nothing ran before, so there is nothing to be stopped
                self._in_force_at, self._confirmed = now, True
        if in_force:
            return self._look_at_beats(now, beats, told)
        self._in_force_at, self._confirmed = None, False
        if not asked or not board:
            self._asked_at = None
            return ""
        if self._asked_at is None:
            self._asked_at = now
        waited = now - self._asked_at
        return f"its loop did not put the node switch in force within {waited:.1f} s" if waited >= CONFIRM_S else ""

    @property
    def confirmed(self) -> bool:
        """Whether the switch is in force and the loop has turned since."""
        return self._confirmed

    def _look_at_beats(self, now: float, beats: int, told: int) -> str:
        self._asked_at = None
        if self._in_force_at is None:
            self._in_force_at, self._beats_then = now, beats
            self._told_at = now
        if told != self._told:
            self._told, self._told_at = told, now
        # Two: the first may have been under way when the switch came into force.
        if not self._confirmed and beats >= self._beats_then + 2:
            self._confirmed = True
        taken = now - self._in_force_at
        if self._confirmed or (now - self._told_at < BEAT_S and taken < MOST_S):
            return ""
        return f"the node switch is in force, but its loop has not turned for {taken:.1f} s since"
