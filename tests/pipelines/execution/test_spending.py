"""Sums of tokens and money."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from pipelines.execution import RunSpending, Spending

USAGE: dict[str, JsonValue] = {"input_tokens": 2, "output_tokens": 1}


def test_money_adds_up_exactly() -> None:
    spent = Spending()
    result: JsonValue = {"usage": {**USAGE}, "cost_usd": "0.1"}
    spent.add_all([result] * 3)
    assert (spent.cost_usd, spent.usage) == ("0.3", {"input_tokens": 6, "output_tokens": 3})


@pytest.mark.parametrize("cost", ["NaN", "Infinity", "-1", "a lot", True, float("nan")])
def test_what_is_no_amount_of_money_is_not_counted(cost: JsonValue) -> None:
    spent = Spending()
    spent.add({"usage": {**USAGE}, "cost_usd": cost})
    assert spent.cost_usd is None


def test_the_same_step_counts_once() -> None:
    spent = RunSpending()
    for key in ("a", "a", "b"):
        spent.count(key, {"usage": {**USAGE}, "cost_usd": "1"})
    assert spent.cost_usd == "2"
