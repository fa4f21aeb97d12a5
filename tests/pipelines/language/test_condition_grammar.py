"""The grammar of conditions as a parser generator reads it, beside the parser that is shipped.

Building a generated parser costs `evopipe validate` more time than all its other work, so ours is written by hand; that
it reads the same language is shown here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark, Token
from lark.exceptions import UnexpectedInput, UnexpectedToken

from pipelines.language import ConditionError, Scope, evaluate_value
from pipelines.language.conditions.parsing import ConditionSyntaxError, Tree, parse_condition
from tests.pipelines.language.fuzzing import SEED, fuzzed
from tests.pipelines.language.test_random_expressions import CONDITION_WORDS

# `contains`, `matches`, `between` are operators after a value and function names before "(".
GRAMMAR = r"""
?start: or_test
?or_test: and_test (_OR and_test)*
?and_test: not_test (_AND not_test)*
?not_test: _NOT not_test -> negate
    | comparison
?comparison: sum
    | sum COMPARE sum -> compare
    | sum CONTAINS sum -> contains
    | sum _NOT CONTAINS sum -> lacks
    | sum MATCHES sum -> matches
    | sum BETWEEN sum _AND sum -> between
    | sum _IN sum -> member
    | sum _NOT _IN sum -> stranger
    | sum STARTS sum -> starts
    | sum ENDS sum -> ends
    | sum EXISTS -> exists
    | sum EMPTY -> empty
?sum: product
    | sum PLUS product -> binary
    | sum MINUS product -> binary
?product: unary
    | product STAR unary -> binary
    | product SLASH unary -> binary
    | product PERCENT unary -> binary
?unary: MINUS unary -> minus
    | atom
?atom: NUMBER -> number
    | STRING -> string
    | _TRUE -> true
    | _FALSE -> false
    | _NULL -> null
    | TEMPLATE -> template
    | "(" or_test ")"
    | "[" [or_test ("," or_test)*] "]" -> items
    | function "(" [or_test ("," or_test)*] ")" -> call
    | path
function: NAME | CONTAINS | MATCHES | BETWEEN
path: (NAME | AT) (("." (NAME | INDEX)) | ("[" (STRING | INDEX | MINUS_INDEX) "]"))*

COMPARE: "==" | "!=" | ">=" | "<=" | ">" | "<"
CONTAINS.2: /contains\b/
MATCHES.2: /matches\b/
BETWEEN.2: /between\b/
STARTS.2: /(starts_with|startsWith)\b/
ENDS.2: /(ends_with|endsWith)\b/
EXISTS.2: /exists\b/
EMPTY.2: /empty\b/
_IN.2: /in\b/
_AND.2: /and\b|&&/
_OR.2: /or\b|\|\|/
_NOT.2: /not\b|!(?!=)/
_TRUE.2: /(true|True)\b/
_FALSE.2: /(false|False)\b/
_NULL.2: /(null|nil|none|None)\b/
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
PERCENT: "%"
AT: "@"
NAME: /[A-Za-z_][A-Za-z0-9_]*/
NUMBER: /\d+(\.\d+)?([eE][+-]?\d+)?/
INDEX: /\d+/
MINUS_INDEX: /-\d+/
STRING: /"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/
TEMPLATE: /\x01\d+\x01/
%ignore /\s+/
"""

CONSTANTS = {"true": "true", "false": "false", "null": "null", "nil": "null", "none": "null"}
# Terminals that the generated parser keeps in the tree though their rule says it all.
SILENT = {"CONTAINS", "MATCHES", "BETWEEN", "STARTS", "ENDS", "EXISTS", "EMPTY"}
WORDS = (
    *CONDITION_WORDS, "a", "not contains", ".in", "[0]", "[-1]", "['k']", "[- 1]", '["k"]', "=", "<>", "&", "=>", ">",
    "None", "nil", "True", "nothing", "contains(", "in(", "matches(", "1x", "x1", "1e3", "1.5", ".5", "5.", "\u0663",
    "exists", "empty", "starts_with", "\u00e9", "\u00a0", "\x1f", "$", "?",
)  # fmt: skip
OPERATORS = (
    " or ", "||", " and ", "&&", "==", "!=", ">=", "<=", ">", "<", " contains ", " not contains ", " ! contains ",
    " matches ", " in ", " not in ", " starts_with ", " endsWith ", "+", "-", "*", "/", "%",
)  # fmt: skip
VALUES = (
    "a", "b.c", "steps.in.result", "a[0]", "a[-1].x", "a['k'].1", "@", "@.x", "in", "and", "truest", "true", "False",
    "None", "nil", "null", "0", "2.5", "1e3", "'x'", '"or"', r"'\''", "\x010\x01", "[]", "now()",
)  # fmt: skip

Shape = tuple[str, tuple[Any, ...], tuple[str, ...]] | int


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(inner, st.sampled_from(OPERATORS), inner).map("".join)
        | st.tuples(inner, inner, inner).map(lambda three: f"{three[0]} between {three[1]} and {three[2]}")
        | st.tuples(st.sampled_from(("not ", "!", "-", " ")), inner).map("".join)
        | inner.map(lambda one: f"({one})")
        | st.tuples(inner, st.sampled_from((" exists", " empty "))).map("".join)
        | st.lists(inner, max_size=3).map(lambda some: f"[{', '.join(some)}]")
        | st.tuples(st.sampled_from(("f(", "contains (", "in(")), inner).map(lambda two: f"{two[0]}{two[1]} )")
    )


@cache
def generated() -> Any:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def by_the_grammar(text: str) -> Shape:
    """What the generated parser makes of the text, or from which character on it cannot be read."""
    try:
        return _shape_of(generated().parse(text))
    except UnexpectedToken as error:
        token: Any = error.token
        return len(text) if token.type == "$END" else token.start_pos
    except UnexpectedInput as error:
        return error.pos_in_stream or 0


def _shape_of(node: Any) -> Shape:
    rule = str(node.data)
    if rule in CONSTANTS:
        return "constant", (), (rule,)
    kids = list(node.children)
    if rule == "call":
        return rule, tuple(_shape_of(each) for each in kids[1:]), (str(kids[0].children[0]),)
    words = tuple(str(each) for each in kids if isinstance(each, Token) and each.type not in SILENT)
    parts = tuple(_shape_of(each) for each in kids if not isinstance(each, Token))
    return rule, parts, () if rule == "minus" else words


def as_shipped(text: str) -> Shape:
    try:
        return _plain(parse_condition(text))
    except ConditionSyntaxError as error:
        return error.position


def _plain(tree: Tree) -> Shape:
    words = (CONSTANTS[tree.words[0].lower()],) if tree.rule == "constant" else tree.words
    return tree.rule, tuple(_plain(each) for each in tree.parts), words


@fuzzed
@given(st.recursive(st.sampled_from(VALUES), _longer, max_leaves=12))
def test_a_condition_is_read_as_the_grammar_says(text: str) -> None:
    assert as_shipped(text) == by_the_grammar(text), f"EVOPIPE_FUZZ_SEED={SEED}"


@fuzzed
@given(
    st.tuples(st.sampled_from(("", " ", "\n")), st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=9)).map(
        lambda drawn: drawn[0].join(drawn[1])
    )
)
def test_a_random_text_is_refused_where_the_grammar_refuses_it(text: str) -> None:
    assert as_shipped(text) == by_the_grammar(text), f"EVOPIPE_FUZZ_SEED={SEED}"


def test_an_index_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(ConditionError, match="is too large"):
        evaluate_value(f"a[{'9' * 5_000}]", Scope())
