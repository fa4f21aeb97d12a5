"""`{{ ... }}`: types, text, strictness, the sandbox."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.language import Scope, TemplateError, compile_template, render, render_text, resolve_source

SCOPE = Scope(
    inputs={"x": 4, "fl": False, "o": {"d": 1}, "words": ["a", "b"]},
    steps={
        "st": {"n": 3, "result": {"q": 9}, "text": "hi"},
        "str": "plain",
        "my-step": {"result": "dash"},
        "llm": {"text": "said", "result": {"k": [1]}, "provider": "offline", "success": True},
    },
    global_vars={"g": "G"},
    state={"count": 5, "name": "Al", "m": {"k": 1}},
    loop={"word": {"id": 7}, "index": 2, "parent": {"outer": "o", "index": 0, "parent": None}},
    files={"notes.md": "the notes"},
)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{ count }}", 5),
        ("\n{{ count }}\n", 5),
        ("n={{count}}", "n=5"),
        ("{{inputs.fl}}", False),
        ("is {{inputs.fl}}", "is false"),
        ("{{steps.st.result}}", {"q": 9}),
        ("{{steps.st.q}}", 9),
        ("{{steps.str.result}}", "plain"),
        ("{{st.n + 1}}", 4),
        ("{{steps.my-step.result}}", "dash"),
        ("x {{steps.st.result}}", 'x {"q": 9}'),
        ("{{1 + 2 + 3}}", 6),
        ("{{count / 2}}", 2.5),
        ("{{multiply(inputs.x, 2)}}", 8),
        ("{{divide(1, 0)}}", 0.0),
        ("{{max(1, count, 3)}}", 5),
        ("{{round(2.5)}}", 3),
        ("{{add('2', 3)}}", 5),
        ("{{word.id}} {{loop.index}} {{outer}}", "7 2 o"),
        ("{{ inputs.words | join(', ') | upper }}", "A, B"),
        ("{% for w in inputs.words %}{{ loop.index }}{{ w }};{% endfor %}", "1a;2b;"),
        ("{{ 'yes' if inputs.x > 3 else 'no' }}", "yes"),
        ("{{ nothing | default('d') }}", "d"),
        ("{{ previous_response('llm') }}", "said"),
        ("{{ previous_response('llm', 'k') }}", "[\n  1\n]"),
        ("{{ previous_response('llm', 'gone', false) }}", ""),
        ("{{previous_response:st.n}}", "3"),
        ("{{ previous_response('loop', 'word.id') }}", "7"),
        ("{{ file('notes.md') }}", "the notes"),
        ("{{ 'a,b' | split(',') }}", ["a", "b"]),
        ("{{ 'a\\n\\nb' | indent(2) }}", "a\n\n  b"),
        ("{{ '%05.2f of %s' | format(3.14159, inputs.o) }}", '03.14 of {"d": 1}'),
        ("{{ inputs.words.length }}", 2),
        ("keeps # and {#anchor}", "keeps # and {#anchor}"),
        ("{{name}} keeps {#anchor} and trailing\n", "Al keeps {#anchor} and trailing\n"),
    ],
)
def test_a_template_renders(template: str, expected: object) -> None:
    value = render(template, SCOPE)
    assert value == expected and type(value) is type(expected)


def test_structures_are_rendered_all_the_way_down() -> None:
    value = render({"a": ["{{count}}", {"b": "{{name}}!"}], "n": None}, SCOPE)
    assert value == {"a": [5, {"b": "Al!"}], "n": None}


def test_text_is_text_even_when_the_value_is_a_structure() -> None:
    assert render_text("{{steps.st.result}}", SCOPE) == '{"q": 9}'


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{{steps.nope.x}}", "steps.nope.x"),
        ("Hello {{missing}}", "'missing' is not there"),
        ("{{cuont}}", "did you mean 'count'"),
        ("{{missing + 1}}", "missing"),
        ("{{unknown(1)}}", "no function 'unknown'"),
        ("{{ inputs.x | upper }}", "filter 'upper' needs text"),
        ("{{ previous_response('st', 'gone') }}", "steps.st.gone"),
        ("{{ file('other.md') }}", "other.md"),
        ("{{ a ? 1 : 2 }}", "a if condition else b"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ add('a', 1) }}", "number"),
        ("{{ '%d' | format('x') }}", "filter 'format': %d format"),
        ("{{ '%s %s' | format(1) }}", "2 places for 1 values"),
        ("{{ '%999999999d' | format(1) }}", "up to 99 wide"),
        ("{{ '%(a)s %*d' | format(1, 2) }}", "up to 99 wide"),
    ],
)
def test_what_cannot_be_rendered_is_an_error_that_says_why(template: str, says: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(template, SCOPE)
    assert says in caught.value.reason


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ inputs['__class__'] }}",
        "{{ inputs.words | map(attribute='__class__') | list }}",
        "{{ name | attr('__class__') }}",
        "{{ range.__globals__ }}",
        "{{ add.__globals__ }}",
        "{{ previous_response.__closure__ }}",
        "{{ inputs.get.__self__ }}",
        "{{ name.format(1) }}",
        "{{ self.__init__ }}",
        "{{ _resolve(('inputs',)) }}",
        "{{ inputs[('__cl' ~ 'ass__')] }}",
        "{% set x = 1 %}{{ x }}",
        "{% import 'os' as os %}",
        "{% include 'x' %}",
        "{% macro m() %}{% endmacro %}",
        "{{ inputs.update({'a': 1}) }}",
        "{{ lipsum() }}{{ cycler }}{{ namespace }}",
        "{{ (inputs.words | list).append(1) }}",
    ],
)
def test_nothing_of_python_can_be_reached(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, SCOPE)
    assert SCOPE.inputs == {"x": 4, "fl": False, "o": {"d": 1}, "words": ["a", "b"]}


@pytest.mark.parametrize(
    "template",
    [
        "{{ 9 ** 9999999 }}",
        "{{ 'a' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ range(999999999) }}",
        "{% for a in range(99) %}{% for b in range(99) %}{% for c in range(99) %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'a' | replace('a', 'b' * 99999) | replace('b', 'c' * 99999) }}",
        "{{ range(1000) | join('a' * 99999) }}",
    ],
)
def test_a_template_cannot_work_without_bound(template: str) -> None:
    started = time.perf_counter()
    with pytest.raises(TemplateError):
        render(template, SCOPE)
    assert time.perf_counter() - started < 2


def test_the_same_text_is_compiled_once() -> None:
    assert compile_template("{{ once.more }}") is compile_template("{{ once.more }}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("previous_response:st:q", 9),
        ("previous_response:st.n", 3),
        ("st:n", 3),
        ("steps.st.n", 3),
        ("context:m.k", 1),
        ("count", 5),
        ("{{ inputs.words }}", ["a", "b"]),
        (["l", "{{count}}"], ["l", 5]),
    ],
)
def test_a_source_is_found(source: Any, expected: object) -> None:
    assert resolve_source(source, SCOPE) == expected


def test_a_source_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TemplateError, match="nope"):
        resolve_source("previous_response:nope", SCOPE)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_whole_expression_keeps_any_value_and_text_holds_it_as_json(value: Any) -> None:
    scope = Scope(inputs={"v": value})
    assert render("{{ inputs.v }}", scope) == value
    if isinstance(value, dict | list):
        assert json.loads(render_text("{{ inputs.v }}", scope)) == value


@given(st.text(alphabet="{}%# .ab|()'\"[]_-+*", max_size=40))
def test_any_text_renders_or_fails_with_a_template_error(text: str) -> None:
    with contextlib.suppress(TemplateError):
        render(text, SCOPE)
