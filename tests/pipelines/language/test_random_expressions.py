"""Random conditions, templates and prompt parts: a value or our error, soon, whatever they say."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as struct_replace

from pipelines.language import (
    ConditionError,
    Pipeline,
    Scope,
    TemplateError,
    evaluate,
    evaluate_value,
    render,
    render_text,
)
from tests.pipelines.language.fuzzing import bounded, fuzzed, loaded

SCOPE = Scope(
    inputs={"topic": "bees", "n": 5, "rows": [{"a": 1, "b": "x"}, {"a": None}, "z"], "empty": {}, "text": "a" * 500},
    steps={"a": {"result": "text", "score": 7.5, "ok": True}, "my-step": {"result": [1, 2, 3]}},
    state={"turn": 3, "none": None},
    now_s=1_700_000_000.0,
)
LENIENT = struct_replace(SCOPE, workflow={"unresolved_names": "keep"})

NAMES = (
    "inputs.topic", "inputs.n", "inputs.rows", "inputs.empty", "steps.a.score", "steps.a.result", "a", "state.turn",
    "steps.my-step.result", "state.none", "nope.x", "inputs.rows[0].a", "inputs.rows[-1]", "loop.index",
    "inputs.text",
)  # fmt: skip
LITERALS = (
    "0", "1", "-1", "2.5", "1e308", "9" * 300, "'x'", '""', "'2024-01-31'", "true", "false", "null", "[]", "[1, 'a']",
    "'(a+)+$'", "'\\\\'", "'{{inputs.n}}'", "{{inputs.n}}", "{{ steps.a }}",
)  # fmt: skip
CONDITION_WORDS = (
    *NAMES, *LITERALS, "and", "or", "not", "&&", "||", "!", "==", "!=", "<", ">=", "contains", "matches",
    "between", "in",
    "not in", "+", "-", "*", "/", "%", "(", ")", ",", "[", "]", ".", "@",
    "length(", "any(", "count(", "now()", "days_ago(",
    "lower(", "date(", "\x01", "\x010\x01", "'", '"', "{{", "}}", "{%",
)  # fmt: skip
TEMPLATE_WORDS = (
    *NAMES, *LITERALS, "{{", "}}", "{%", "%}", "{{ ", " }}", "{#", "#}", "|", "upper", "join(',')", "tojson",
    "replace('a', 'b')",
    "default('x')", "sort", "map('upper')", "sum", "groupby('a')", "round(400)", "truncate(-1)", "int", "float",
    "for x in",
    "endfor", "if", "else", "endif", "set x =", "macro f()", "x", "loop.index", "range(", ")",
    "(", "~", "**", "*", "//", "%",
    "'%s' %", ".__class__", "['__init__']",
    ".split(", ".items()", "[:]", "[::0]", "is defined", "previous_response:a",
    "file('x')", "add(1)", "fromjson", "string", "\n", "\\", "?", ":", "batch(0)", "dictsort", "reverse", "unique",
    "list",
)  # fmt: skip


def sentences(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(words) | st.text(max_size=5), max_size=14).map(" ".join)


@fuzzed
@given(sentences(CONDITION_WORDS) | st.text(max_size=200))
def test_a_random_condition_has_a_value_or_is_refused(text: str) -> None:
    try:
        bounded(lambda: evaluate_value(text, SCOPE), text)
    except ConditionError as error:
        assert error.reason


@fuzzed
@given(
    st.recursive(
        sentences(CONDITION_WORDS) | st.none() | st.booleans() | st.integers() | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("and", "or", "not", "x")), inner, max_size=2)
        ),
        max_leaves=6,
    )
)
def test_a_condition_of_any_shape_holds_or_not_or_is_refused(condition: Any) -> None:
    try:
        assert bounded(lambda: evaluate(condition, SCOPE), condition) in (True, False)
    except ConditionError as error:
        assert error.reason


@fuzzed
@given(
    sentences(TEMPLATE_WORDS)
    | sentences(TEMPLATE_WORDS).map(lambda text: f"{{{{ {text} }}}}")
    | st.tuples(st.sampled_from(NAMES), sentences(TEMPLATE_WORDS)).map(lambda two: f"{{{{ {two[0]} | {two[1]} }}}}")
    | st.text("{}%# |x.()[]'\"\n", max_size=60),
    st.booleans(),
)
def test_a_random_template_renders_or_is_refused(text: str, lenient: bool) -> None:
    scope = LENIENT if lenient else SCOPE
    for renders in (render, render_text):
        try:
            bounded(lambda how=renders: how(text, scope), text)
        except TemplateError as error:
            assert error.reason


VALUES = (
    st.none() | st.booleans() | st.integers() | sentences(TEMPLATE_WORDS) | st.lists(st.text(max_size=5), max_size=2)
)
KINDS = st.sampled_from(
    ("static", "file", "previous_response", "session_context", "claude_continue", "x", "", 7, None, [])
)


def _part(kind: Any, more: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, **more}


PARTS = st.dictionaries(
    st.sampled_from(("content", "path", "step", "extract", "extract_with", "summary", "max_length", "session_id", "x")),
    VALUES,
    max_size=5,
)


@fuzzed
@given(
    st.lists(st.builds(_part, KINDS, PARTS) | VALUES, max_size=4),
    st.sampled_from(("claude", "claude_session", "gemini", "claude_batch", "parallel_claude")),
    st.booleans(),
)
def test_random_prompt_parts_hold_or_say_where_not(parts: list[Any], kind: str, wrapped: bool) -> None:
    step = {"name": "b", "type": kind, "prompt": parts}
    whole: dict[str, Any] = {"name": "x", "steps": [{"name": "a", "type": "test_echo", "value": 1}, step]}
    found = loaded(yaml.safe_dump({"workflow": whole} if wrapped else whole, allow_unicode=True))
    assert found or isinstance(found, Pipeline)
