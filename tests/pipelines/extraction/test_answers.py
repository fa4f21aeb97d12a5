"""JSON is found in what models answer, and nowhere else."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.extraction import NoJsonError, parse_json_answer


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("  [1, 2]\n", [1, 2]),
        ("7", 7),
        ("null", None),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here it is:\n\n```\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('```python\nprint(1)\n```\n```json\n{"a": 2}\n```', {"a": 2}),
        ('Sure [1]! The answer is {"a": {"b": [1, 2]}}. See also {x}.', {"a": {"b": [1, 2]}}),
        ('{broken {"a": 1}', {"a": 1}),
        ('"{" then {"text": "a } in a text"}', {"text": "a } in a text"}),
    ],
)
def test_the_value_is_found(text: str, value: Any) -> None:
    assert parse_json_answer(text) == value


@pytest.mark.parametrize("text", ["", "no json here", "{", '{"a": ', "{'a': 1}", "NaN", '{"a": Infinity}', "[" * 5000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(NoJsonError):
        parse_json_answer(text)


def test_an_answer_beyond_all_measure_is_refused() -> None:
    with pytest.raises(NoJsonError, match="longer than"):
        parse_json_answer("[" + "1," * 1_000_001 + "1]")


@pytest.mark.parametrize(
    "text",
    ["```" + "\n" * 200_000, "```json " + " " * 200_000, "{" * 200_000, "``` \n" * 40_000, "[1]x" * 50_000],
    ids=["gaps", "blanks", "braces", "fences", "lists"],
)
def test_a_hostile_answer_costs_no_time(text: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(NoJsonError):
        parse_json_answer(text)
    assert time.perf_counter() - began < 2.0


@settings(deadline=None, max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_value_comes_back_out_of_a_fence(value: Any) -> None:
    assert parse_json_answer(f"Of course!\n```json\n{json.dumps(value)}\n```\n") == value
