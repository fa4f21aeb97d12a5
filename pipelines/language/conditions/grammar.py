"""The grammar of conditions, and its parser (built once, at first use)."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from lark import Lark, Token, Tree

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


@cache
def _parser() -> Any:
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def parse_condition(text: str) -> Tree[Token]:
    """The tree of `text`; raises lark's `UnexpectedInput`."""
    return cast("Tree[Token]", _parser().parse(text))
