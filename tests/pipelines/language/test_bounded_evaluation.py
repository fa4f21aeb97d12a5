"""Conditions, patterns and templates that ask for all time, memory or Python: refused, or done, within a second."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest

from pipelines.language import ConditionError, Scope, TemplateError, evaluate_value, render, render_text
from tests.pipelines.language.fuzzing import bounded

DEEP: Any = reduce(lambda inner, _: {"a": inner}, range(900), 1)
SCOPE = Scope(
    inputs={"text": "ab" * 50_000, "word": "a" * 30, "rows": list(range(1_000)), "deep": DEEP, "n": 5}, now_s=1.0
)
LENIENT = Scope(inputs=SCOPE.inputs, workflow={"unresolved_names": "keep"})


def refusal_of_condition(text: str) -> str:
    with pytest.raises(ConditionError) as caught:
        bounded(lambda: evaluate_value(text, SCOPE), text)
    return caught.value.reason


def refusal_of_template(text: str, scope: Scope = SCOPE) -> str:
    with pytest.raises(TemplateError) as caught:
        bounded(lambda: render(text, scope), text)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 10_000 + "1" + ")" * 10_000, "longer than 10000 characters"),
        ("[" * 4_000 + "]" * 4_000, "nested too deeply"),
        ("not " * 2_000 + "true", "nested too deeply"),
        ("-" * 9_000 + "1", "nested too deeply"),
        ("1 + " * 2_400 + "1", "nested too deeply"),
        ("9" * 5_000 + " > 1", "is too large"),
        ("9" * 400 + " > 1", "is too large"),
        ("1e999 > 1", "is too large"),
        ("10**10**10 > 1", "cannot read the condition at character 4"),
        ("{{ 10**10**10 }} > 1", "** is limited"),
        ("count(inputs.rows, 'count(inputs.rows, \"@ > 1\")')", "look at 200000 items in all"),
        ("any(" * 10 + "inputs.rows", "ends too early"),
    ],
)
def test_a_condition_without_measure_is_refused_soon(text: str, reason: str) -> None:
    assert reason in refusal_of_condition(text)


@pytest.mark.parametrize("text", ["1/0", "1 % 0", "'x' * 1000000000", "1e308 * 10 > 1", "inputs.deep == inputs.deep"])
def test_arithmetic_over_odd_values_has_an_answer_soon(text: str) -> None:
    bounded(lambda: evaluate_value(text, SCOPE), text)


def test_ten_thousand_characters_of_parentheses_are_read() -> None:
    assert bounded(lambda: evaluate_value("(" * 4_900 + "7" + ")" * 4_900, SCOPE)) == 7


@pytest.mark.parametrize(
    ("pattern", "occurs"),
    [
        ("(a+)+$", False),
        ("(x+x+)+y", False),
        ("(a|ab|b)*c", False),
        ("(.*)*(.*)*(.*)*x", False),
        ("((a*)*)*b", True),
        ("a?" * 100 + "a" * 100, False),
        ("(?i)" + "[a-z]*" * 60 + "1", False),
        ("(ab){500}", True),
        ("^(a|b)*$", True),
        ("\\\\bab\\\\b", False),
    ],
)
def test_a_pattern_that_would_backtrack_forever_answers_soon(pattern: str, occurs: bool) -> None:
    assert bounded(lambda: evaluate_value(f"inputs.text matches '{pattern}'", SCOPE), pattern) is occurs


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a)\\\\1", "needs backtracking"),
        ("(?=a)b", "needs backtracking"),
        ("(?<!a)b", "needs backtracking"),
        ("a{1,1000000}", "too large"),
        ("(a{1,50}){1,50}", "too large"),
        ("[ab]{1990}$", "takes too long on this text"),
        ("x" * 600, "longer than 500 characters"),
    ],
)
def test_a_pattern_without_measure_is_refused_soon(pattern: str, reason: str) -> None:
    assert reason in refusal_of_condition(f"inputs.text matches '{pattern}'")


def test_patterns_over_many_items_share_one_measure() -> None:
    text = "count(inputs.rows, \"inputs.text matches '[ab]{900}x'\")"
    assert "takes too long" in refusal_of_condition(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{% for i in range(10**9) %}x{% endfor %}", "range() is limited"),
        ("{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}", "100000 turns in all"),
        ("{% for i in inputs.rows %}{{ inputs.text }}{% endfor %}", "longer than 4000000 characters"),
        ("{{ inputs.text }}" * 50, "longer than 4000000 characters"),
        ("{{ 'x' * 10**9 }}", "repetition is too long"),
        ("{{ [inputs.rows] * 2000 }}", "more than 1000000 values"),
        ("{{ 10**10**10 }}", "** is limited"),
        ("{{ (inputs.rows * 100) | join('x' * 1000) }}", "'join' would make the text too long"),
        ("{{ inputs.text | replace('a', inputs.text) }}", "'replace' would make the text too long"),
        ("{{ round(1.5, 10000000) }}", "round() is limited"),
        ("{{ inputs.text | truncate(3, true, inputs.text) }}", "AssertionError"),
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "nested too deeply"),
        ("{{ " + "1+" * 5_000 + "1 }}", "nested too deeply"),
        ("{{ 1" + "|abs" * 3_000 + " }}", "nested too deeply"),
        ("{% if 1 %}" * 2_000 + "{% endif %}" * 2_000, "nested too deeply"),
        ("{{ n }}" * 20_000, "more than 5000 expressions"),
        ("{{ '" + "x" * 900_000 + "' }}", "50000 characters inside"),
        ("{{" * 400_000 + " steps.a-b", "more than 5000 expressions"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "'macro' is not allowed"),
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recursive for is not allowed"),
        ("{% include 'x' %}", "'include' is not allowed"),
        ("{{ ''.__class__ }}", "'__class__' is not reachable"),
        ("{{ ''['__class__'] }}", "'__class__' is not reachable"),
        ("{{ inputs.rows | sort(attribute='__class__') }}", "'__class__' is not reachable"),
        ("{{ inputs.rows | map(attribute='__class__.__mro__') | list }}", "'__class__' is not reachable"),
        ("{{ '{0.__class__}'.format(1) }}", "no 'format' here"),
        ("{{ '%999999999d' % 1 }}", "% does not format text"),
        ("{{ 'x'.center(10**9) }}", "no 'center' here"),
        ("{{ inputs.rows | map('attr', '__class__') | list }}", "attr"),
        ("{{ namespace() }}", "no function 'namespace'"),
        ("{{ a" + ".b" * 5_000 + " }}", "is not there"),
    ],
)
def test_a_template_without_measure_is_refused_soon(text: str, reason: str) -> None:
    assert reason in refusal_of_template(text)


@pytest.mark.parametrize("scope", [SCOPE, LENIENT], ids=["strict", "lenient"])
def test_loops_over_large_texts_end_with_their_time(scope: Scope) -> None:
    inner = "{{ inputs.text | upper | lower | title | capitalize | trim | length }}"
    text = f"{{% for i in range(1000) %}}{{% for j in range(90) %}}{inner}{{% endfor %}}{{% endfor %}}"
    assert "seconds of work" in refusal_of_template(text, scope)


def test_methods_count_as_filters_do() -> None:
    inner = "{{ inputs.text.upper().title().lower() | length }}"
    text = f"{{% for i in range(1000) %}}{{% for j in range(90) %}}{inner}{{% endfor %}}{{% endfor %}}"
    assert "seconds of work" in refusal_of_template(text)


def test_a_lenient_text_of_many_expressions_is_bounded_as_a_whole() -> None:
    with pytest.raises(TemplateError, match="longer than 4000000 characters"):
        bounded(lambda: render_text("{{ inputs.text }}{{ inputs.nope }}" * 1_000, LENIENT))


@pytest.mark.parametrize("text", ["{{" * 400_000, "{{ nope + " * 40_000, "{{}}" * 200_000, "{{ a }" * 100_000])
def test_a_lenient_text_of_open_braces_is_read_once(text: str) -> None:
    try:
        bounded(lambda: render_text(text, LENIENT), text[:40])
    except TemplateError as error:
        assert error.reason


def test_values_of_any_depth_are_rendered_or_refused() -> None:
    for text in (
        "{{ inputs.deep }}",
        "x {{ inputs.deep }}",
        "{{ inputs.deep | tojson(8) }}",
        "{{ inputs | dictsort }}",
    ):
        try:
            bounded(lambda each=text: render(each, SCOPE), text)
        except TemplateError as error:
            assert error.reason
