"""Prices are dated data; what is not known stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.providers import PROVIDERS, InvalidPriceListError, PriceList, Usage

SHIPPED = PriceList.from_yaml(
    (Path(__file__).resolve().parents[3] / "config" / "models.yaml").read_text(encoding="utf-8")
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-21")


def test_the_shipped_list_knows_every_vendors_default_model() -> None:
    for entry in PROVIDERS.values():
        if entry.needs_key:
            model = SHIPPED.model(entry.default_model)
            assert model is not None
            assert model.provider == entry.name
            assert SHIPPED.cost_usd(entry.default_model, Usage(1, 1), NOW) is not None


def test_a_million_tokens_cost_what_the_list_says_exactly() -> None:
    assert SHIPPED.cost_usd("claude-sonnet-5-5", Usage(1_000_000, 1_000_000), NOW) == Decimal(12)


def test_an_unknown_model_costs_unknown_and_not_zero() -> None:
    assert SHIPPED.cost_usd("gpt-none", Usage(1, 1), NOW) is None
    assert PriceList().cost_usd("claude-sonnet-5-5", Usage(1, 1), NOW) is None


def test_a_price_holds_from_its_day_on() -> None:
    usage = Usage(1_000_000, 0)
    assert SHIPPED.cost_usd("gemini-3.8-flash", usage, at("2026-09-01T23:59:59")) is None
    assert SHIPPED.cost_usd("gemini-3.8-flash", usage, at("2026-12-31T23:59:59")) == Decimal("0.75")
    assert SHIPPED.cost_usd("gemini-3.8-flash", usage, at("2027-01-01")) == Decimal("1.50")


def test_a_long_prompt_takes_the_higher_tier() -> None:
    short, long = Usage(100_000, 0), Usage(100_001, 0)
    assert SHIPPED.cost_usd("claude-haiku-5-5", short, NOW) == Decimal("0.01")
    assert SHIPPED.cost_usd("claude-haiku-5-5", long, NOW) == Decimal("0.0500005")


def test_an_alias_costs_what_its_model_costs() -> None:
    usage = Usage(10, 10)
    assert SHIPPED.cost_usd("claude-haiku-4-5-20251001", usage, NOW) == SHIPPED.cost_usd("claude-haiku-4-5", usage, NOW)


@given(st.integers(0, 10**7), st.integers(0, 10**6))
def test_more_tokens_never_cost_less(given_in: int, out: int) -> None:
    cost = SHIPPED.cost_usd("claude-haiku-5-5", Usage(given_in, out), NOW)
    more = SHIPPED.cost_usd("claude-haiku-5-5", Usage(given_in + 1, out + 1), NOW)
    assert cost is not None
    assert more is not None
    assert more > cost


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("version: 2\nmodels: {}", "version"),
        ("version: 1", "models"),
        ("version: 1\nmodels: {}\nsurprise: 1", "surprise"),
        ("version: 1\nmodels: {}\naliases: {a: b}", "unknown models: b"),
        ("version: [", "models.yaml"),
    ],
)
def test_a_faulty_list_is_refused_with_the_place(text: str, word: str) -> None:
    with pytest.raises(InvalidPriceListError, match=word):
        PriceList.from_yaml(text)


def test_a_price_without_quotes_is_refused_because_it_would_be_inexact() -> None:
    text = """
    version: 1
    models:
      m: {provider: p, context_window: 1, max_output_tokens: 1, temperature: true, source: s, checked: 2026-01-01,
          prices: [{since: 2026-01-01, input: 0.1, output: "1"}]}
    """
    with pytest.raises(InvalidPriceListError, match="quotes"):
        PriceList.from_yaml(text)
