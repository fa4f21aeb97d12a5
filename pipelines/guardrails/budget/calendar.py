"""When a new day of budgets begins, whatever the clock does. Pure.

A day is UTC's. Its money is given out once: the clock may jump forwards and back, before a start or while the node
runs. The rules, in this order:

    the clock shows a later date    that day begins, but not within 23 h of the day before in the same life
    the clock shows the day         it goes on
    the clock is behind the day     money spent stays spent; the day ends when the clock has reached the next date after
                                    the one it showed as it fell behind (over a restart, the second): a date far ahead
                                    holds up nothing for ever

so a day of budgets is never shorter than 23 h by the time that really goes by, and never longer than 48 h of a clock
that goes on as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

SHORTEST_S: Final = 23 * 3600.0


@dataclass(frozen=True, slots=True)
class BudgetDay:
    """`day` is what charges are booked under, and only grows; `seen` the clock's date that it goes by, which is another
    only after the clock was set back."""

    day: date
    seen: date

    def on(self, today: date, dates: int = 1) -> BudgetDay:
        """The one that holds when the clock shows this date; by a clock that is behind, `dates` have to have passed."""
        if today >= self.day:
            return BudgetDay(today, today)
        if (today - self.seen).days >= dates:
            return BudgetDay(self.day + timedelta(days=1), today)
        # By one date it is a clock set back over midnight: that date comes again, and its money does not.
        return BudgetDay(self.day, today) if (self.seen - today).days > 1 else self


class Calendar:
    """One life of the node. `wall_s` is Unix time, `up_s` the seconds that really went by since any one moment."""

    def __init__(self, current: BudgetDay, wall_s: float, up_s: float) -> None:
        self.current = current
        self._began_s = up_s - wall_s % 86_400.0

    @property
    def day(self) -> date:
        """The day that holds."""
        return self.current.day

    @staticmethod
    def at_start(kept: BudgetDay | None, today: date) -> BudgetDay:
        """The day that holds as the node starts. Nobody knows what was done to the clock meanwhile: behind the day, two
        dates have to have passed."""
        return BudgetDay(today, today) if kept is None else kept.on(today, 2)

    def look(self, wall_s: float, up_s: float) -> bool:
        """Whether a new day has begun since the last look."""
        later = self.current.on(date_of(wall_s))
        if later.day == self.current.day:
            self.current = later
            return False
        if up_s - self._began_s < SHORTEST_S:
            return False
        self.current, self._began_s = later, up_s
        return True


def date_of(wall_s: float) -> date:
    """The UTC date of a Unix time."""
    return datetime.fromtimestamp(wall_s, UTC).date()
