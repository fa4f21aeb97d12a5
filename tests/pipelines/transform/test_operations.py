"""Rows in, rows out: what each operation does at the edges, and what it refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.language import TRANSFORM_OPERATIONS
from pipelines.language.checks.options import AGGREGATE_NAMES, EXPRESSION_NAMES
from pipelines.transform import OPERATIONS, TransformError, apply_operations, shape_output
from pipelines.transform.aggregating import AGGREGATES
from pipelines.transform.operations import EXPRESSIONS

ORDERS: list[Any] = [
    {"id": 1, "state": "paid", "amount": 20, "who": {"city": "Rome"}},
    {"id": 2, "state": "open", "amount": None, "who": {"city": "Oslo"}},
    {"id": 3, "state": "paid", "amount": 5.5, "who": {}},
    {"id": 4, "amount": 7},
]


def no_sources(name: str) -> Any:
    raise AssertionError(f"nothing may be looked up, and {name} was")


def apply(data: Any, *operations: dict[str, Any], sources: dict[str, Any] | None = None) -> Any:
    return apply_operations(data, operations, sources=no_sources if sources is None else sources.__getitem__)


def refused(data: Any, *operations: dict[str, Any], sources: dict[str, Any] | None = None) -> TransformError:
    with pytest.raises(TransformError) as caught:
        apply(data, *operations, sources=sources)
    return caught.value


def ids(rows: Any) -> list[int]:
    return [row["id"] for row in rows]


def test_the_language_checks_the_operations_there_are() -> None:
    assert set(TRANSFORM_OPERATIONS) == set(OPERATIONS)


@pytest.mark.parametrize(
    "operation",
    [
        {"operation": "filter", "condition": "id > 1"},
        {"operation": "map", "field": "who.city", "expression": "uppercase"},
        {"operation": "map", "field": "state", "mapping": {"paid": "PAID"}},
        {"operation": "map", "mapping": {"seen": True}},
        {"operation": "sort", "field": "amount", "order": "desc"},
        {"operation": "group_by", "field": "state"},
        {"operation": "join", "join_key": "id", "right_source": [{"id": 1, "extra": 1}]},
        {"operation": "aggregate", "field": "amount"},
    ],
    ids=str,
)
def test_no_operation_touches_its_input(operation: dict[str, Any]) -> None:
    before = copy.deepcopy(ORDERS)
    apply(ORDERS, operation)
    assert before == ORDERS


@pytest.mark.parametrize("operation", ["filter", "map", "sort", "join"])
def test_no_rows_stay_no_rows(operation: str) -> None:
    specs: dict[str, dict[str, Any]] = {
        "filter": {"condition": "a > 1"},
        "map": {"field": "a", "expression": "trim"},
        "sort": {"field": "a"},
        "join": {"join_key": "a", "right_source": []},
    }
    assert apply([], {"operation": operation, **specs[operation]}) == []


def test_an_error_says_which_operation_and_how_to_go_on() -> None:
    error = refused(ORDERS, {"operation": "sort", "field": "id"}, {"operation": "aggregate", "field": "state"})
    assert (error.index, error.operation, error.code) == (1, "aggregate", "transform")
    assert str(error) == (
        "operations[1] (aggregate): field 'state': 'paid' is not a number; expected values of one kind. "
        "Fix: put `operation: map, field: state, expression: number` before it, or filter other rows out"
    )


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"operation": None}, "Unknown operation: None"),
        ({}, "Unknown operation: None"),
        ({"operation": "filter"}, "`condition` is missing"),
        ({"operation": "filter", "condition": 5}, "`condition` is missing or not text"),
        ({"operation": "map"}, "nothing to map by"),
        ({"operation": "map", "expression": "trim"}, "`field` is missing"),
        ({"operation": "aggregate"}, "`field` is missing"),
        ({"operation": "aggregate", "function": 3, "field": "id"}, "function 3 is not known"),
        ({"operation": "sort"}, "`field` is missing"),
        ({"operation": "sort", "field": ""}, "`field` is missing"),
        ({"operation": "group_by"}, "`field` is missing"),
        ({"operation": "group_by", "field": "state", "aggregate": "sum"}, "`aggregate` is not a map"),
        ({"operation": "group_by", "field": "state", "aggregate": {"n": "sum"}}, "`aggregate.n` is not a map"),
        ({"operation": "group_by", "field": "state", "aggregate": {"state": {}}}, "name of the group's field"),
        ({"operation": "join", "right_source": []}, "`join_key` is missing"),
        ({"operation": "join", "join_key": "id"}, "`right_source` is not a list"),
    ],
    ids=str,
)
def test_what_is_missing_or_wrong_is_refused(operation: dict[str, Any], said: str) -> None:
    assert said in str(refused(ORDERS, operation))


def test_a_field_inside_a_list_is_read_and_replaced() -> None:
    rows: list[Any] = [{"tags": [{"n": "a"}, {"n": "b"}]}, {"tags": []}]
    assert apply(rows, {"operation": "map", "field": "tags.1.n", "expression": "uppercase"}) == [
        {"tags": [{"n": "a"}, {"n": "B"}]},
        {"tags": []},
    ]


def test_a_column_with_a_dot_in_its_name_is_found_and_replaced() -> None:
    rows = [{"a.b": "x", "a": {"b": "inner"}}]
    assert apply(rows, {"operation": "map", "field": "a.b", "expression": "uppercase"}) == [
        {"a.b": "X", "a": {"b": "inner"}}
    ]


def test_an_expression_leaves_what_is_not_text() -> None:
    rows = [{"n": 5}, {"n": None}, {"n": [1]}, {}]
    assert apply(rows, {"operation": "map", "field": "n", "expression": "number"}) == rows


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("-3", -3), ("+4", 4), (" 1.50 ", 1.5), ("1e3", 1000.0), ("007", 7)],
)
def test_text_that_spells_a_number_becomes_it(text: str, number: float) -> None:
    (row,) = apply([{"n": text}], {"operation": "map", "field": "n", "expression": "number"})
    assert row["n"] == number
    assert type(row["n"]) is type(number)


@pytest.mark.parametrize("text", ["", " ", "1_000", "nan", "inf", "-Infinity", "1,5", "12 EUR", "0x10", "1e999"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert apply([{"n": text}], {"operation": "map", "field": "n", "expression": "number"}) == [{"n": text}]


def test_an_empty_cell_among_numbers_is_no_maximum() -> None:
    error = refused([{"n": 3}, {"n": ""}], {"operation": "aggregate", "field": "n", "function": "max"})
    assert "it mixes 3 and ''" in str(error)


def test_maps_have_no_minimum() -> None:
    assert "has no order" in str(refused([{"n": {}}], {"operation": "aggregate", "field": "n", "function": "min"}))


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("sum", 32.5),
        ("average", 32.5 / 3),
        ("avg", 32.5 / 3),
        ("mean", 32.5 / 3),
        ("count", 3),
        ("min", 5.5),
        ("max", 20),
        ("first", 20),
        ("last", 7),
        ("unique", [20, 5.5, 7]),
    ],
)
def test_aggregates_leave_nulls_out(function: str, value: Any) -> None:
    assert apply(ORDERS, {"operation": "aggregate", "field": "amount", "function": function}) == value


@pytest.mark.parametrize("function", ["sum", "average", "count", "min", "max"])
def test_aggregates_of_nothing_are_zero(function: str) -> None:
    assert apply([], {"operation": "aggregate", "field": "amount", "function": function}) == 0
    assert apply(ORDERS, {"operation": "aggregate", "field": "gone", "function": function}) == 0


@pytest.mark.parametrize("function", ["first", "last"])
def test_of_nothing_there_is_no_first_and_no_last(function: str) -> None:
    assert apply([], {"operation": "aggregate", "field": "amount", "function": function}) is None


def test_numbers_are_aggregated_without_a_field() -> None:
    assert apply([1, 2, 4], {"operation": "aggregate"}) == 7
    assert apply([1, 2, 4], {"operation": "aggregate", "function": "max"}) == 4


def test_a_map_joins_as_one_row() -> None:
    spec = {"operation": "join", "join_key": "id", "right_source": {"id": 1, "name": "tea"}}
    assert apply([{"id": 1}, {"id": 2}], spec) == [{"id": 1, "name": "tea"}, {"id": 2}]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"operation": "aggregate", "field": "n", "function": "median"}, [1, "x", 4]),
        ({"operation": "aggregate", "field": "n"}, 5),
        ({"operation": "map", "field": "n", "expression": "reverse"}, [{"n": 1}, {"n": "x"}, {"n": 4}]),
        ({"operation": "map", "field": "n"}, [{"n": 1}, {"n": "x"}, {"n": 4}]),
        ({"operation": "sort", "field": "n", "order": "up"}, [{"n": 1}, {"n": 4}, {"n": "x"}]),
    ],
)
def test_where_mistakes_are_let_pass_they_mean_what_pipeline_ex_makes_of_them(spec: Any, expected: Any) -> None:
    rows: Any = [{"n": 1}, {"n": "x"}, {"n": 4}]
    assert apply_operations(rows, [spec], sources=lambda _: [], lenient=True) == expected
    with pytest.raises(TransformError):
        apply_operations(rows, [spec], sources=lambda _: [])


def test_count_without_a_field_counts_rows() -> None:
    assert apply(ORDERS, {"operation": "aggregate", "function": "count"}) == 4


def test_unique_tells_true_from_one_and_compares_maps() -> None:
    values = [1, True, 1.0, "1", {"a": 1}, {"a": 1}, [1], [1]]
    rows = [{"v": value} for value in values]
    assert apply(rows, {"operation": "aggregate", "field": "v", "function": "unique"}) == [1, True, "1", {"a": 1}, [1]]


def test_a_sum_beyond_a_float_is_refused_and_not_a_crash() -> None:
    rows = [{"n": 10**400}, {"n": 0.5}]
    assert "too large" in str(refused(rows, {"operation": "aggregate", "field": "n"}))


def test_groups_keep_the_order_in_which_they_appear() -> None:
    groups = apply(ORDERS, {"operation": "group_by", "field": "state"})
    assert {name: ids(rows) for name, rows in groups.items()} == {"paid": [1, 3], "open": [2], "null": [4]}
    assert list(groups) == ["paid", "open", "null"]


def test_groups_of_numbers_and_booleans_have_text_for_keys() -> None:
    rows = [{"k": 1}, {"k": 1.0}, {"k": True}, {"k": 1.5}]
    assert list(apply(rows, {"operation": "group_by", "field": "k"})) == ["1", "true", "1.5"]


def test_the_rows_of_groups_can_be_sorted_by_the_nested_field_they_were_made_by() -> None:
    rows = apply(
        ORDERS,
        {"operation": "group_by", "field": "who.city", "aggregate": {"orders": {"function": "count"}}},
        {"operation": "sort", "field": "who.city"},
    )
    assert rows == [
        {"who.city": "Oslo", "orders": 1},
        {"who.city": "Rome", "orders": 1},
        {"who.city": "null", "orders": 2},
    ]


def test_an_aggregate_for_each_group() -> None:
    per_group = {"operation": "aggregate", "field": "amount", "function": "sum", "per_group": True}
    assert apply(ORDERS, {"operation": "group_by", "field": "state"}, per_group) == {"paid": 25.5, "open": 0, "null": 7}
    assert apply([], {"operation": "group_by", "field": "state"}, per_group) == {}


def test_per_group_without_groups_is_refused() -> None:
    assert "put group_by before it" in str(
        refused(ORDERS, {"operation": "aggregate", "field": "amount", "per_group": True})
    )


def test_sorting_puts_numbers_before_texts_and_what_is_missing_last() -> None:
    rows = [{"id": 1, "v": "b"}, {"id": 2, "v": None}, {"id": 3, "v": 9}, {"id": 4}, {"id": 5, "v": "a"}]
    assert ids(apply(rows, {"operation": "sort", "field": "v"})) == [3, 5, 1, 2, 4]
    assert ids(apply(rows, {"operation": "sort", "field": "v", "order": "desc"})) == [1, 5, 3, 2, 4]


def test_sorting_one_map_leaves_it() -> None:
    assert apply({"a": 1}, {"operation": "sort", "field": "a"}) == {"a": 1}


def test_a_join_takes_the_first_match_and_its_values_win() -> None:
    people = [{"id": 1, "name": "Ann", "amount": "x"}, {"id": 1, "name": "Bob"}]
    (first, *rest) = apply(ORDERS, {"operation": "join", "join_key": "id", "right_source": people})
    assert first == {**ORDERS[0], "name": "Ann", "amount": "x"}
    assert rest == ORDERS[1:]


def test_a_join_can_go_over_differently_named_and_nested_fields() -> None:
    rows = apply(
        ORDERS,
        {"operation": "join", "left_field": "who.city", "join_key": "town", "right_source": "towns"},
        sources={"towns": [{"town": "Rome", "land": "Italy"}]},
    )
    assert [row.get("land") for row in rows] == ["Italy", None, None, None]


def test_nulls_join_nothing() -> None:
    right = [{"id": None, "name": "nobody"}, {"name": "nobody either"}]
    rows = [{"id": None}, {}]
    assert apply(rows, {"operation": "join", "join_key": "id", "right_source": right}) == rows


def test_a_filter_on_one_map_gives_it_or_null() -> None:
    assert apply({"n": 5}, {"operation": "filter", "condition": "n > 1"}) == {"n": 5}
    assert apply({"n": 5}, {"operation": "filter", "condition": "n > 9"}) is None


@pytest.mark.parametrize(
    ("output_format", "shaped"),
    [("json", [1, "ä"]), ("string", '[1, "ä"]'), ("count", 2), ("none", None)],
)
def test_output_formats(output_format: Any, shaped: Any) -> None:
    assert shape_output([1, "ä"], output_format) == shaped


def test_counting_one_value_is_one_and_null_is_none() -> None:
    values: list[Any] = [7, False, None, {}, "abc"]
    assert [shape_output(value, "count") for value in values] == [1, 1, 0, 0, 3]


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-5, 5), st.text(max_size=3))
ROWS = st.lists(st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2), max_size=20)


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, order=st.sampled_from(["asc", "desc"]))
def test_sorting_loses_no_row_and_is_the_same_twice(rows: list[Any], order: str) -> None:
    spec = {"operation": "sort", "field": "a", "order": order}
    once = apply(rows, spec)
    assert sorted(map(repr, once)) == sorted(map(repr, rows))
    assert apply(once, spec) == once


@settings(deadline=None, max_examples=150)
@given(rows=ROWS)
def test_every_row_is_in_exactly_one_group(rows: list[Any]) -> None:
    groups = apply(rows, {"operation": "group_by", "field": "a"})
    assert sum(map(len, groups.values())) == len(rows)
    counted = apply(rows, {"operation": "group_by", "field": "a"}, {"operation": "aggregate", "function": "count"})
    assert counted == 1  # one map of groups is one item, as it is for every aggregate that is not per_group


@settings(deadline=None, max_examples=150)
@given(rows=ROWS, operator=st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "contains"]))
def test_a_filter_keeps_rows_in_order_and_never_raises(rows: list[Any], operator: str) -> None:
    kept = apply(rows, {"operation": "filter", "condition": f"a {operator} 1"})
    remaining = iter(rows)
    assert all(any(row is each for each in remaining) for row in kept)


def test_the_checks_know_the_words_that_the_operations_know() -> None:
    assert (tuple(AGGREGATES), tuple(EXPRESSIONS)) == (AGGREGATE_NAMES, EXPRESSION_NAMES)
