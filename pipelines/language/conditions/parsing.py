"""A condition's text to a tree, by operator precedence. From the loosest to the tightest:

    1  or ||                                            any number of operands
    2  and &&                                           any number of operands
    3  not !                                            before its operand
    4  == != >= <= > < contains in matches between      once: a == b == c is refused
       starts_with ends_with, not before contains and
       in; exists and empty behind their operand
    5  + -
    6  * / %
    7  -                                                before its operand
       number, string, true, false, null, template, ( ... ), [ ..., ... ], name( ..., ... ), path

A path is a name or @, then any of `.name .1 [1] [-1] ['name']`. A word is an operator only where one can stand:
`steps.in.result` is a path, `contains(a, b)` a call. What is open stands on a stack of ours, so that thousands of
parentheses are read. A test compares with a parser generated from the grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple


class Tree(NamedTuple):
    """A rule that was found: what it is applied to, and its own words as they stand in the text."""

    rule: str
    parts: tuple[Tree, ...] = ()
    words: tuple[str, ...] = ()


class ConditionSyntaxError(Exception):
    """What stands at `position` (characters from 0; the text's length: its end) cannot stand there."""

    def __init__(self, position: int) -> None:
        super().__init__(f"cannot read on at character {position + 1}")
        self.position = position


def parse_condition(text: str) -> Tree:
    """The tree of the whole `text`. Raises `ConditionSyntaxError`."""
    return _Parser(text).parse()


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"({pattern})\s*")


_OR, _AND, _NOT = _word(r"or\b|\|\|"), _word(r"and\b|&&"), _word(r"not\b|!(?!=)")
_IN, _CONTAINS, _BETWEEN = _word(r"in\b"), _word(r"contains\b"), _word(r"between\b")
_MINUS, _DOT, _COMMA, _OPEN, _OPEN_LIST = _word("-"), _word(r"\."), _word(","), _word(r"\("), _word(r"\[")
_AT: Final = _word("@")
_NAME: Final = _word("[A-Za-z_][A-Za-z0-9_]*")
_CONSTANT: Final = _word(r"(?:true|True|false|False|null|nil|none|None)\b")
_STRING: Final = _word(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""")
_INDEX, _SIGNED_INDEX = _word(r"\d+"), _word(r"-?\d+")
_PLAIN: Final = (
    ("string", _STRING),
    ("number", _word(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")),
    ("template", _word(r"\x01\d+\x01")),
)
_CLOSE: Final = {"group": _word(r"\)"), "call": _word(r"\)"), "items": _word(r"\]")}
# Functions before a parenthesis, operators elsewhere, and never names of values.
_NO_NAMES: Final = frozenset({"contains", "matches", "between"})

_COMPARISON: Final = 4
_BETWEEN_TWO: Final = (
    (_COMPARISON, "compare", _word("[=!><]=|[><]")),
    (_COMPARISON, "contains", _CONTAINS),
    (_COMPARISON, "member", _IN),
    (_COMPARISON, "matches", _word(r"matches\b")),
    (_COMPARISON, "between", _BETWEEN),
    (_COMPARISON, "starts", _word(r"(?:starts_with|startsWith)\b")),
    (_COMPARISON, "ends", _word(r"(?:ends_with|endsWith)\b")),
    (5, "binary", _word("[+-]")),
    (6, "binary", _word("[*/%]")),
)
_BEHIND: Final = {"exists": _word(r"exists\b"), "empty": _word(r"empty\b")}
_WITH_A_WORD: Final = frozenset({"compare", "binary"})


@dataclass(slots=True)
class _Open:
    """An operator or a bracket that waits for operands; `count` of those on the stack will be its own."""

    strength: int
    rule: str
    count: int
    words: tuple[str, ...] = ()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = len(text) - len(text.lstrip())
        self._done: list[Tree] = []
        self._open = [_Open(0, "whole", 1)]

    def parse(self) -> Tree:
        while True:
            while not self._operand():
                pass
            while self._closes():
                pass
            if self._at == len(self._text) and len(self._reduced(0)) == 1:
                return self._done[0]
            self._operator()

    def _operand(self) -> bool:
        """Reads what may stand before or as an operand; whether one is complete."""
        if self._open[-1].strength < _COMPARISON and self._take(_NOT):
            self._open.append(_Open(3, "negate", 1))
        elif self._take(_MINUS):
            self._open.append(_Open(7, "minus", 1))
        elif self._take(_OPEN):
            self._open.append(_Open(0, "group", 1))
        elif self._take(_OPEN_LIST):
            return self._bracket("items")
        elif constant := self._take(_CONSTANT):
            self._done.append(Tree("constant", words=(constant,)))
            return True
        elif name := self._take(_NAME):
            if self._take(_OPEN):
                return self._bracket("call", name)
            if name in _NO_NAMES:
                raise ConditionSyntaxError(self._at)
            self._done.append(self._path(name))
            return True
        else:
            self._done.append(self._plain())
            return True
        return False

    def _bracket(self, rule: str, *words: str) -> bool:
        if self._take(_CLOSE[rule]):
            self._done.append(Tree(rule, (), words))
            return True
        self._open.append(_Open(0, rule, 1, words))
        return False

    def _plain(self) -> Tree:
        for rule, word in _PLAIN:
            if found := self._take(word):
                return Tree(rule, words=(found,))
        return self._path(self._need(_AT))

    def _path(self, first: str) -> Tree:
        words = [first]
        while True:
            if self._take(_DOT):
                words.append(self._take(_NAME) or self._need(_INDEX))
            elif self._take(_OPEN_LIST):
                words.append(self._take(_STRING) or self._need(_SIGNED_INDEX))
                self._need(_CLOSE["items"])
            else:
                return Tree("path", words=tuple(words))

    def _closes(self) -> bool:
        """Reads what stands behind an operand and needs none: the end of the innermost bracket, `exists`, `empty`."""
        here = self._at
        for rule, word in _BEHIND.items():
            if self._take(word):
                self._push(_COMPARISON, rule, "", here)
                self._open[-1].count = 1
                return True
        innermost = next(each for each in reversed(self._open) if each.strength == 0)
        if innermost.rule == "whole" or not self._take(_CLOSE[innermost.rule]):
            return False
        self._reduced(0, here).pop()
        if innermost.rule != "group":
            self._apply(innermost)
        return True

    def _operator(self) -> None:
        here = self._at
        if self._take(_COMMA):
            bracket = self._reduced(0, here)[-1]
            if bracket.rule not in {"items", "call"}:
                raise ConditionSyntaxError(here)
            bracket.count += 1
        elif self._take(_OR):
            self._one_more(1, "or_test", here)
        elif self._take(_AND):
            inner = self._reduced(_COMPARISON, here)[-1]
            if inner.rule == "between" and inner.count == 2:
                inner.count = 3
            else:
                self._one_more(2, "and_test", here)
        elif self._take(_NOT):
            self._push(_COMPARISON, "stranger", "", here)
            if self._take(_CONTAINS):
                self._open[-1].rule = "lacks"
            else:
                self._need(_IN)
        else:
            self._operator_between_two(here)

    def _operator_between_two(self, here: int) -> None:
        for strength, rule, word in _BETWEEN_TWO:
            if found := self._take(word):
                self._push(strength, rule, found, here)
                return
        raise ConditionSyntaxError(here)

    def _one_more(self, strength: int, rule: str, here: int) -> None:
        last = self._reduced(strength, here)[-1]
        if last.rule == rule:
            last.count += 1
        else:
            self._open.append(_Open(strength, rule, 2))

    def _push(self, strength: int, rule: str, word: str, here: int) -> None:
        last = self._reduced(strength, here)[-1]
        if last.strength == strength or last.rule in _BEHIND:
            if strength == _COMPARISON or last.rule in _BEHIND:
                raise ConditionSyntaxError(here)
            self._apply(self._open.pop())
        self._open.append(_Open(strength, rule, 2, (word,) if rule in _WITH_A_WORD else ()))

    def _reduced(self, strength: int, here: int | None = None) -> list[_Open]:
        """Applies what binds tighter than `strength`, as what stands at `here` asks for; what is open then."""
        while self._open[-1].strength > strength:
            if self._open[-1].rule == "between" and self._open[-1].count == 2:
                raise ConditionSyntaxError(self._at if here is None else here)
            self._apply(self._open.pop())
        return self._open

    def _apply(self, operator: _Open) -> None:
        parts = tuple(self._done[-operator.count :])
        del self._done[-operator.count :]
        self._done.append(Tree(operator.rule, parts, operator.words))

    def _take(self, word: re.Pattern[str]) -> str:
        """The word that stands here, and goes behind it and the space after it; empty where another one stands."""
        found = word.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[1]

    def _need(self, word: re.Pattern[str]) -> str:
        found = self._take(word)
        if not found:
            raise ConditionSyntaxError(self._at)
        return found
