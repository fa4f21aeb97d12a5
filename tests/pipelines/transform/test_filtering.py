"""The one comparison of a filter: its two sides, its operators, its mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.transform import apply_operations


def kept(condition: str, rows: list[Any], field: str | None = None) -> list[Any]:
    spec: dict[str, Any] = {"operation": "filter", "condition": condition}
    if field is not None:
        spec["field"] = field
    found = apply_operations(rows, [spec], sources=lambda name: None)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("v == 5", [5, 5.0]),
        ("v=='5'", ["5"]),
        ("v != 5", ["5", True, None, "x > y"]),
        ("v == true", [True]),
        ("v == null", [None]),
        ("v == nil", [None]),
        ("v > 4", [5, 5.0]),
        ("v >= '5'", ["5", "x > y"]),
        ("v contains ' > '", ["x > y"]),
        ("v == 'x > y'", ["x > y"]),
        ("v", [5, 5.0, "5", True, "x > y"]),
    ],
)
def test_types_are_not_mixed(condition: str, values: list[Any]) -> None:
    rows = [{"v": value} for value in (5, 5.0, "5", True, None, "x > y")]
    assert kept(condition, rows) == [{"v": value} for value in values]


def test_a_missing_field_is_like_null() -> None:
    rows: list[Any] = [{}, {"v": None}, {"v": 1}]
    assert kept("v == null", rows) == [{}, {"v": None}]
    assert kept("v != 1", rows) == [{}, {"v": None}]
    assert kept("v < 5", rows) == [{"v": 1}]


def test_zero_is_true_and_emptiness_is_not() -> None:
    values: list[Any] = [0, 0.0, False, "", [], {}, None, "0", [0]]
    rows = [{"v": value} for value in values]
    assert [row["v"] for row in kept("v", rows)] == [0, 0.0, "0", [0]]
    assert kept("v", rows)[0]["v"] is not False


def test_value_is_the_field_of_the_operation() -> None:
    rows: list[Any] = [{"a": {"n": 1}}, {"a": {"n": 3}}]
    assert kept("value > 2", rows, "a.n") == [rows[1]]
    assert kept("> 2", rows, "a.n") == [rows[1]]


def test_value_is_the_item_of_a_plain_list() -> None:
    assert kept("value > 2", [1, 2, 3, "x"]) == [3]
    assert kept("value", ["", "x", None]) == ["x"]


def test_value_may_be_a_column() -> None:
    assert kept("value > 2", [{"value": 1}, {"value": 3}]) == [{"value": 3}]


def test_contains_looks_into_text_lists_and_keys() -> None:
    rows: list[Any] = [{"v": "one two"}, {"v": ["two"]}, {"v": {"two": 1}}, {"v": 2}, {"v": [["two"]]}]
    assert kept("v contains two", rows) == rows[:3]


def test_dates_need_no_quotes() -> None:
    rows: list[Any] = [{"d": "2024-01-31"}, {"d": "2024-02-01"}]
    assert kept("d >= 2024-02-01", rows) == [rows[1]]


def test_a_list_can_be_compared_with() -> None:
    assert kept('v == ["a", 1]', [{"v": ["a", 1]}, {"v": ["a"]}]) == [{"v": ["a", 1]}]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "the condition is empty"),
        ("a = 1", "the operator is not known"),
        ("a => 1", "the operator is not known"),
        ("> 1", "the left side of the comparison is missing"),
        ("a > 1 and b < 2", "holds another; write two filters"),
        ("1 < a < 5", "holds another"),
    ],
)
def test_a_mistake_is_told_and_never_compared_as_words(condition: str, said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        kept(condition, [{"a": 1}])
    assert type(caught.value).__name__ == "TransformError"
