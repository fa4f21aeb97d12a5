"""The one comparison of a filter: its two sides, its operators, its mistakes."""

from __future__ import annotations

import time
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
        ("a >", "the right side of the comparison is missing"),
        ("(a > 1)", "no parentheses"),
        ("length(a) > 1", "no functions"),
        ("a matches 'x'", "'matches' is no operator of a filter"),
        (" and ".join(["a > 1"] * 101), "more than 100 comparisons"),
        ("a" * 10_001, "longer than 10000 characters"),
        ("1 < a < 5", "holds another"),
    ],
)
def test_a_mistake_is_told_and_never_compared_as_words(condition: str, said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        kept(condition, [{"a": 1}])
    assert type(caught.value).__name__ == "TransformError"


ROWS: list[Any] = [{"n": 1, "k": "a"}, {"n": 5, "k": "b"}, {"n": 9, "k": None}, {"n": 5, "k": "salt and pepper"}]


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        ("n > 1 and k == 'b'", [1]),
        ("n > 1 and k == b", [1]),
        ("n == 1 or n == 9", [0, 2]),
        ("n == 1 or n > 4 and k", [0, 1, 3]),
        ("n > 1 && n < 9", [1, 3]),
        ("not k", [2]),
        ("not n == 5 and !k", [2]),
        ("n between 2 and 6", [1, 3]),
        ("n between 2 and 6 and k == b", [1]),
        ("k in ['a', 'b']", [0, 1]),
        ("k in [a, b]", [0, 1]),
        ("n not in [5]", [0, 2]),
        ("k not contains 'and'", [0, 1, 2]),
        ("k == salt and pepper", [3]),
        ("k == 'salt and pepper'", [3]),
        ("k == 'a or b'", []),
        ("gone in [null]", [0, 1, 2, 3]),
        ("gone between 1 and 2", []),
    ],
)
def test_comparisons_are_joined_and_words_of_a_text_are_not(condition: str, numbers: list[int]) -> None:
    assert kept(condition, ROWS) == [ROWS[each] for each in numbers]


def test_value_leads_into_the_field() -> None:
    rows: list[Any] = [{"d": {"x": 1}}, {"d": {"x": 2}}]
    assert kept("value.x == 2", rows, field="d") == [rows[1]]


@pytest.mark.parametrize(
    "text", ["a" + " " * 9_990 + "b", "n" + " " * 9_000 + "between 1 and 2", "[" * 9_999, "a and " * 1_600]
)
def test_a_long_condition_is_read_at_once(text: str) -> None:
    begin = time.perf_counter()
    kept(text, [])
    assert time.perf_counter() - begin < 1
