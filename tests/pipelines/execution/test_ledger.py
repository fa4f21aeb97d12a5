"""The ledger: whatever steps do side by side, no account of the tree exceeds its limits, and nothing leaks."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.execution import Amount, Ledger, LimitReachedError
from pipelines.language import Limits

PATHS = ("", "a", "a/b", "a/b[0]", "a/b[1]", "a/b[1]/c", "d", "d[3]/e")


def grown_ledger(rng: random.Random) -> Ledger:
    ledger = Ledger()
    for path in PATHS:
        limits: Any = {
            "max_steps": rng.choice([None, rng.randint(1, 12)]),
            "max_tokens": rng.choice([None, rng.randint(1, 400)]),
            "max_cost_usd": rng.choice([None, Decimal(rng.randint(1, 400)) / 100]),
        }
        ledger.open(path, Limits(**{key: each for key, each in limits.items() if each is not None}), (path or "run",))
    return ledger


def holds(ledger: Ledger) -> None:
    for account in ledger.accounts.values():
        limits = account.limits
        assert account.set_aside_tokens >= 0
        assert account.set_aside_cost >= 0
        assert limits.max_steps is None or account.steps <= limits.max_steps
        assert limits.max_tokens is None or account.tokens + account.set_aside_tokens <= limits.max_tokens
        assert limits.max_cost_usd is None or account.cost + account.set_aside_cost <= limits.max_cost_usd


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_interleaving_exceeds_a_limit_or_leaks_what_was_set_aside(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    ledger = grown_ledger(rng)
    lent: dict[int, tuple[str, Amount]] = {}
    for number in range(60):
        path = f"{rng.choice(PATHS)}/s{number}".lstrip("/")
        match rng.choice(["start", "reserve", "reserve", "settle", "release", "kill"]):
            case "start":
                ledger.start(path)
            case "reserve":
                amount = Amount(rng.randint(0, 90), Decimal(rng.randint(0, 90)) / 100)
                made = ledger.reserve(path, amount)
                if isinstance(made, int):
                    lent[made] = (path, amount)
            case "settle" if lent:
                taken = rng.choice(list(lent))
                where, most = lent.pop(taken)
                part = Decimal(rng.randint(0, 100)) / 100
                assert most.cost_usd is not None
                ledger.settle(taken, where, Amount(int(most.tokens * part), most.cost_usd * part))
            case "release" if lent:
                taken = rng.choice(list(lent))
                del lent[taken]
                ledger.release(taken)
                ledger.release(taken)
            case "kill" if lent:
                where = lent[rng.choice(list(lent))][0]
                ledger.release_of(where)
                lent = {each: held for each, held in lent.items() if held[0] != where}
            case _:
                pass
        holds(ledger)
    for taken in lent:
        ledger.release(taken)
    assert all(not each.set_aside_tokens and not each.set_aside_cost for each in ledger.accounts.values())


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_ledger_restored_from_results_stands_where_the_former_one_stood(seed: int) -> None:
    rng = random.Random(seed)
    results: dict[str, Any] = {}
    first, limits = Ledger(), Limits(max_tokens=10**6, max_steps=1000, max_cost_usd=Decimal(1000))
    for path in PATHS:
        first.open(path, limits, (path,))
    for number in range(20):
        path = f"{rng.choice(PATHS)}/s{number}".lstrip("/")
        tokens, cost = rng.randint(0, 50), Decimal(rng.randint(0, 50)) / 100
        made = first.reserve(path, Amount(100, Decimal(1)))
        assert isinstance(made, int)
        first.start(path)
        first.settle(made, path, Amount(tokens, cost))
        results[path] = {"usage": {"input_tokens": tokens, "output_tokens": 0}, "cost_usd": str(cost)}
        first.record(path, results[path])
    second = Ledger()
    second.open("", limits, ("",))
    second.restore(results)
    for path in PATHS:
        second.open(path, limits, (path,))
    for path, result in results.items():
        second.record(path, result)  # replayed
    told = [
        [(each.path, each.steps, each.tokens, each.cost) for each in one.accounts.values()] for one in (first, second)
    ]
    assert told[0] == told[1]


def test_a_refusal_names_the_limit_its_value_what_was_spent_and_the_chain() -> None:
    ledger = Ledger()
    ledger.open("", Limits(max_tokens=100), ("outer",))
    ledger.open("in", Limits(max_tokens=1000), ("outer", "inner"))
    made = ledger.reserve("in/a", Amount(60))
    assert isinstance(made, int)
    refused = ledger.reserve("in/b", Amount(60))
    assert isinstance(refused, LimitReachedError)
    assert refused.facts == {"limit": "max_tokens", "value": 100, "spent": 60, "pipelines": ["outer"], "account": ""}
    ledger.settle(made, "in/a", Amount(10))
    assert isinstance(ledger.reserve("in/b", Amount(60)), int)


def test_a_call_without_a_price_is_refused_where_money_is_limited_and_only_there() -> None:
    ledger = Ledger()
    ledger.open("paid", Limits(max_cost_usd=Decimal(1)), ("p", "paid"))
    refused = ledger.reserve("paid/a", Amount(1, None))
    assert isinstance(refused, LimitReachedError)
    assert (refused.code, refused.facts["limit"]) == ("unknown_price", "max_cost_usd")
    assert isinstance(ledger.reserve("free", Amount(1, None)), int)


def test_a_step_counts_once_and_closing_a_pipeline_gives_back_what_it_had_set_aside() -> None:
    ledger = Ledger()
    ledger.open("", Limits(max_steps=2, max_tokens=10), ("p",))
    assert ledger.start("a") is None
    assert ledger.start("a") is None
    assert ledger.start("b") is None
    assert isinstance(ledger.start("c"), LimitReachedError)
    ledger.reserve("b/x", Amount(10))
    ledger.close("b")
    assert isinstance(ledger.reserve("a", Amount(10)), int)
