"""The day of budgets: whatever the clock does, a day's money is given out once, and the next day comes."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipelines.guardrails.budget import BudgetDay, Calendar
from pipelines.guardrails.budget.calendar import SHORTEST_S, date_of

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
TODAY = date(2026, 11, 21)
NOON_S = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


class Life:
    """A node's life: time goes by, and the clock may be set beside it."""

    def __init__(self, wall_s: float = NOON_S, kept: BudgetDay | None = None) -> None:
        self.wall_s = wall_s
        self.up_s = 1000.0
        self.calendar = Calendar(Calendar.at_start(kept, date_of(wall_s)), wall_s, self.up_s)
        self.days = 0

    def passes(self, seconds: float, step_s: float = HOUR_S / 2) -> int:
        """How many days begin while this time goes by."""
        began = 0
        while seconds > 0:
            step = min(step_s, seconds)
            self.wall_s += step
            self.up_s += step
            seconds -= step
            began += self.calendar.look(self.wall_s, self.up_s)
        self.days += began
        return began

    def set_clock(self, by_s: float) -> int:
        """How many days begin because the clock was set."""
        self.wall_s += by_s
        began = self.calendar.look(self.wall_s, self.up_s)
        self.days += began
        return began


def test_a_day_begins_at_midnight_utc() -> None:
    life = Life()
    assert life.passes(12 * HOUR_S - 1) == 0
    assert life.passes(1) == 1
    assert life.calendar.day == date(2026, 11, 22)
    assert life.passes(3 * DAY_S) == 3


def test_a_clock_that_jumps_ahead_begins_no_day_before_the_time_has_gone_by() -> None:
    for jump_s in (DAY_S, 400 * DAY_S, 8 * 365 * DAY_S):
        life = Life()
        assert life.set_clock(jump_s) == 0
        assert life.passes(10 * HOUR_S) == 0
        assert life.passes(2 * HOUR_S) == 1


def test_a_clock_set_back_gives_no_money_back_and_holds_nothing_up_for_ever() -> None:
    for jump_s in (60.0, 13 * HOUR_S, 3 * DAY_S, 4000 * DAY_S):
        life = Life()
        life.passes(DAY_S)
        spent_under = life.calendar.day
        assert life.set_clock(-jump_s) == 0
        assert life.calendar.day == spent_under
        assert life.passes(2 * DAY_S) >= 1
        assert life.calendar.day > spent_under


def test_a_step_back_over_midnight_does_not_begin_the_same_day_twice() -> None:
    life = Life(NOON_S + 12 * HOUR_S - 30)
    life.up_s += 12 * HOUR_S
    assert life.passes(60, 1) in (0, 1)
    begun = life.days
    life.set_clock(-120)
    assert life.passes(300, 1) + begun <= 1


def test_a_ledger_of_a_clock_far_ahead_is_believed_in_its_money_and_not_in_its_date() -> None:
    ahead = BudgetDay(date(2036, 1, 1), date(2036, 1, 1))
    life = Life(kept=ahead)
    assert life.calendar.day == ahead.day
    assert life.passes(12 * HOUR_S) == 1
    assert life.passes(3 * DAY_S) == 3
    # Also for a node that never runs over midnight.
    day, kept = date(2026, 11, 21), ahead
    begun = 0
    for _ in range(10):
        found = Calendar.at_start(kept, day)
        begun += found.day != kept.day
        kept, day = found, date.fromordinal(day.toordinal() + 1)
    assert 3 <= begun <= 10


def test_a_later_date_at_the_start_is_a_new_day_and_the_same_one_is_not() -> None:
    kept = BudgetDay(TODAY, TODAY)
    assert Calendar.at_start(kept, TODAY).day == TODAY
    assert Calendar.at_start(kept, date(2026, 11, 22)).day == date(2026, 11, 22)
    assert Calendar.at_start(kept, date(2020, 1, 1)).day == TODAY
    assert Calendar.at_start(None, TODAY).day == TODAY


jumps = st.lists(st.tuples(st.floats(0, 3 * DAY_S), st.floats(-4000 * DAY_S, 4000 * DAY_S)), min_size=1, max_size=12)


@given(jumps)
def test_days_are_never_shorter_than_they_may_be_and_come_again_once_the_clock_goes_as_it_should(
    plan: list[tuple[float, float]],
) -> None:
    life = Life()
    began_s = life.up_s
    for goes_by_s, jump_s in plan:
        life.passes(goes_by_s, 2 * HOUR_S)
        life.set_clock(jump_s)
    # The day under way as it began is the first; each later one took its time.
    assert life.days <= (life.up_s - began_s + 12 * HOUR_S) / SHORTEST_S
    assert life.passes(48 * HOUR_S) >= 1
