"""The budget as values: whatever the order, no limit is exceeded together, and nothing leaks."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from pipelines.execution import Amount
from pipelines.guardrails.allocation import Allocation
from pipelines.guardrails.break_even import Judgement, PipelineCost, break_even
from pipelines.guardrails.budget import AccountName, Bound, Budget, Payer, Rules
from pipelines.guardrails.budget_paths import check_path

DAY = date(2026, 11, 21)


def payer(
    run: str = "r1", step: str = "s1", tenant: str = "ada", tier: str = "simple", kind: str = "generation"
) -> Payer:
    return Payer(tenant, tier, f"pipeline-{run[-1]}", kind, run, step)


def budget(limits: dict[str, Bound], **rules: object) -> Budget:
    return Budget(DAY, limits, Rules(**rules))  # type: ignore[arg-type]


def spent(books: Budget, path: str, of: str = "") -> tuple[int, Decimal]:
    account = books.accounts[AccountName(path, of)]
    return account.tokens, account.cost


calls = st.lists(
    st.tuples(
        st.integers(0, 5),  # run
        st.integers(1, 400),  # most tokens
        st.integers(0, 100),  # percent of that which is really used
        st.sampled_from(["settle", "release"]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=150)
@given(calls, st.integers(0, 2**32), st.integers(1, 1500), st.integers(1, 900))
def test_runs_interleaved_at_random_never_exceed_a_limit_together_and_leave_nothing_reserved(
    plan: list[tuple[int, int, int, str]], seed: int, per_day: int, per_tenant: int
) -> None:
    note(f"seed {seed}")
    rng = random.Random(seed)
    books = budget(
        {
            "day": Bound(Decimal(per_day) / 100, per_day),
            "tenant/*": Bound(tokens=per_tenant),
            "run/simple": Bound(tokens=700),
            "step/generation": Bound(tokens=300),
        }
    )
    waiting, under_way, used = list(enumerate(plan)), dict[int, tuple[Payer, int, str]](), Amount()
    while waiting or under_way:
        if waiting and (not under_way or rng.random() < 0.6):
            lease, (run, most, percent, end) = waiting.pop(rng.randrange(len(waiting)))
            who = payer(f"r{run}", f"s{lease % 3}", f"t{run % 2}")
            if books.reserve(lease, who, Amount(most, Decimal(most) / 100)) is None:
                under_way[lease] = (who, most * percent // 100, end)
        else:
            lease = rng.choice(sorted(under_way))
            who, real, end = under_way.pop(lease)
            if end == "settle":
                books.settle(lease, who, Amount(real, Decimal(real) / 100))
                used = Amount(used.tokens + real, (used.cost_usd or 0) + Decimal(real) / 100)
            else:
                books.release(lease)
        for name, account in books.accounts.items():
            bound = books.bound(name)
            assert bound.tokens is None or account.tokens + account.reserved_tokens <= bound.tokens, name
            assert bound.usd is None or account.cost + account.reserved_cost <= bound.usd, name
            assert account.reserved_tokens >= 0
    assert books.leases == 0
    assert all(not each.reserved_tokens and not each.reserved_cost for each in books.accounts.values())
    day = books.accounts.get(AccountName("day"))
    assert (day.tokens, day.cost) == (used.tokens, used.cost_usd) if day else used == Amount()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 500)), max_size=20), st.integers(0, 2**32))
def test_the_order_of_settlements_changes_nothing(charges: list[tuple[int, int]], seed: int) -> None:
    def after(order: list[tuple[int, int]]) -> dict[AccountName, tuple[int, Decimal]]:
        books = budget({"day": Bound(Decimal(1)), "run/simple": Bound(tokens=10)})
        for run, tokens in order:
            books.settle(None, payer(f"r{run}"), Amount(tokens, Decimal(tokens) / 7))
        return {name: (each.tokens, round(each.cost, 20)) for name, each in books.accounts.items()}

    mixed = charges[:]
    random.Random(seed).shuffle(mixed)
    assert after(charges) == after(mixed)


def test_a_refusal_names_the_account_and_what_is_left_and_changes_nothing() -> None:
    books = budget({"day": Bound(usd=Decimal("1.00")), "tenant/ada": Bound(tokens=100)})
    assert books.reserve(1, payer(), Amount(60, Decimal("0.10"))) is None
    refused = books.reserve(2, payer(), Amount(60, Decimal("0.10")))
    assert refused is not None
    assert (str(refused.account), refused.left, refused.passing) == ("tenant/ada", 40, True)
    assert "40 left of 100 tokens" in str(refused)
    assert books.reserve(3, payer(tenant="eve"), Amount(60, Decimal("0.10"))) is None


def test_a_real_cost_above_the_reservation_is_booked_in_full_and_shown() -> None:
    books = budget({"day": Bound(tokens=100)})
    books.reserve(1, payer(), Amount(50, Decimal(1)))
    books.settle(1, payer(), Amount(130, Decimal(3)))
    assert spent(books, "day") == (130, Decimal(3))
    assert books.accounts[AccountName("day")].overruns == 1
    refused = books.reserve(2, payer(), Amount(1, Decimal(0)))
    assert refused is not None
    assert (refused.left, refused.passing) == (0, False)


def test_a_new_day_opens_the_daily_accounts_and_a_clock_that_goes_backwards_gives_nothing_back() -> None:
    books = budget({"day": Bound(tokens=100), "run/simple": Bound(tokens=500)})
    books.reserve(1, payer(), Amount(40, Decimal(0)))
    books.settle(None, payer(), Amount(60, Decimal(0)))
    assert not books.roll(DAY - timedelta(days=1))
    assert spent(books, "day")[0] == 60
    assert books.roll(DAY + timedelta(days=1))
    day = books.accounts[AccountName("day")]
    assert (day.tokens, day.reserved_tokens) == (0, 40)
    assert spent(books, "run/simple", "r1")[0] == 60
    assert not books.roll(DAY)
    books.settle(1, payer(), Amount(30, Decimal(0)))
    assert spent(books, "day")[0] == 30


def test_an_unknown_price_is_refused_where_dollars_are_limited_or_counted_apart_by_policy() -> None:
    strict = budget({"day": Bound(usd=Decimal(5))})
    refused = strict.reserve(1, payer(), Amount(10, None))
    assert refused is not None
    assert refused.why == "unknown_price"
    assert budget({"day": Bound(tokens=50)}).reserve(1, payer(), Amount(10, None)) is None
    lax = budget({"day": Bound(usd=Decimal(5))}, allow_unknown_price=True)
    assert lax.reserve(1, payer(), Amount(10, None)) is None
    lax.settle(1, payer(), Amount(10, None))
    assert (spent(lax, "day"), lax.accounts[AccountName("day")].unpriced) == ((10, Decimal(0)), 1)


def test_alerts_are_told_once_each_and_the_emergency_stop_holds_until_the_next_day() -> None:
    books = budget({"day": Bound(usd=Decimal(10))}, stop_share=Decimal("0.95"))
    told = [
        [alert.share for alert in books.settle(None, payer(), Amount(1, Decimal(cost))) if str(alert.account) == "day"]
        for cost in ("4", "1", "1", "2", "1.6")
    ]
    assert told == [[], [Decimal("0.5")], [], [Decimal("0.75")], [Decimal("0.9")]]
    refused = books.reserve(1, payer(), Amount(1, Decimal("0.01")))
    assert refused is not None
    assert refused.why == "emergency_stop"
    books.roll(DAY + timedelta(days=1))
    assert books.reserve(1, payer(), Amount(1, Decimal("0.01"))) is None


def test_a_limit_that_is_set_while_calls_are_under_way_gives_back_only_what_was_reserved() -> None:
    books = budget({"day": Bound(tokens=100)})
    books.reserve(1, payer(), Amount(10, Decimal(0)))
    books.limits = {"day": Bound(tokens=100), "run/simple": Bound(tokens=50), "step/generation": Bound(tokens=20)}
    books.release(1)
    assert all(not each.reserved_tokens for each in books.accounts.values())


def test_a_pipeline_is_trusted_with_more_of_a_runs_limit_as_its_runs_succeed() -> None:
    books = budget({"run/simple": Bound(tokens=1000)})
    books.shares["pipeline-1"] = Decimal("0.5")
    assert books.reserve(1, payer(), Amount(501, Decimal(0))) is not None
    books.shares["pipeline-1"] = Decimal("0.625")
    assert books.reserve(1, payer(), Amount(501, Decimal(0))) is None


@given(st.lists(st.booleans(), max_size=60))
def test_the_trusted_share_stays_between_its_bounds(ends: list[bool]) -> None:
    rule = Allocation(Decimal("0.25"), Decimal("1.5"), Decimal("0.5"), Decimal("0.1"))
    share = rule.start
    for good in ends:
        after = rule.after(share, succeeded=good)
        assert rule.least <= after <= 1
        assert after >= share if good else after <= share
        share = after


def test_the_run_accounts_go_with_their_run() -> None:
    books = budget({"run/simple": Bound(tokens=50), "step/generation": Bound(tokens=50)})
    books.settle(None, payer(), Amount(5, Decimal(0)))
    assert AccountName("run/simple", "r1") in books.accounts
    books.forget_run("r1")
    assert not any(name.of for name in books.accounts)


@pytest.mark.parametrize("path", ["", "week", "tenant", "tenant/", "day/x", "run/\n", "pipeline/" + "x" * 300])
def test_a_path_that_names_no_budget_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="names no budget"):
        check_path(path)


def test_the_break_even_follows_its_stated_formulas() -> None:
    cost = PipelineCost("digest", runs=12, succeeded=10, failed=2, calls=30, tokens=9000, usd=Decimal(6))
    said = Judgement(Decimal(15), Decimal(60), review_minutes=Decimal(1), development_hours=Decimal(8))
    found = break_even(cost, said)
    assert found is not None
    assert (found.value, found.cost, found.review) == (Decimal(15), Decimal("0.6"), Decimal("1.2"))
    assert (found.net, found.fixed, found.runs) == (Decimal("13.2"), Decimal(480), 37)
    assert found.so_far == Decimal(132) - 480
    never = break_even(cost, Judgement(Decimal(0), Decimal(60)))
    assert never is not None
    assert never.runs is None


def test_dollars_that_are_spent_refuse_for_good_also_where_only_reservations_hold_the_tokens() -> None:
    books = budget({"day": Bound(Decimal(1), 100)})
    books.settle(None, payer(), Amount(10, Decimal("0.9")))
    assert books.reserve(1, payer("r2"), Amount(60, Decimal(0))) is None
    refused = books.refusal(payer("r3"), Amount(60, Decimal("0.5")))
    assert refused is not None
    assert (refused.unit, refused.passing) == ("usd", False)
    refused = books.refusal(payer("r3"), Amount(60, None))
    assert refused is not None
    assert (refused.why, refused.passing) == ("unknown_price", False)
    refused = books.refusal(payer("r3"), Amount(60, Decimal(0)))
    assert refused is not None
    assert (refused.unit, refused.passing) == ("tokens", True)
