"""`matches`: regular expressions that cannot run away.

Python's `re` backtracks, so a short pattern can hold the node's loop for hours. Here a pattern is parsed by `re` and
run as a set of states, one step a character: time grows with text times pattern, never with their power. What needs
backtracking (back-references, look-around, conditionals, possessive groups) is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, cast

MAX_PATTERN_CHARS: Final = 500
MAX_TEXT_CHARS: Final = 200_000
MAX_STATES: Final = 2_000
MAX_EFFORT: Final = 1_000_000
_MAX_CACHED_STATES: Final = 200_000

Test = Callable[[str], bool]
# One state: (test or None, position check or None, next states). None and None is a plain jump.
_sre: Any = getattr(re, "_parser")  # noqa: B009  # the parser of the standard library has no public name
_constants: Any = getattr(re, "_constants")  # noqa: B009


class UnsafePatternError(ValueError):
    """The pattern is too long, too large, or needs backtracking."""


class LinearPattern:
    """One compiled pattern; `search` says whether it occurs anywhere in a text."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN_CHARS:
            raise UnsafePatternError(f"the pattern is longer than {MAX_PATTERN_CHARS} characters")
        parsed = _sre.parse(pattern)
        self._flags = int(parsed.state.flags)
        self._tests: list[Test | None] = []
        self._checks: list[str | None] = []
        self._next: list[tuple[int, ...]] = []
        self._final = self._state(None, None, ())
        self._start = self._sequence(parsed, self._final)
        self._asks_places = any(self._checks)
        self._moves: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._cached = 0

    def search(self, text: str, effort: list[int] | None = None) -> bool:
        """Whether the pattern occurs in `text`.

        Raises `UnsafePatternError` for a text over the limit, and when more states are visited than `effort` (a
        counter that many searches may share) has left; by default `MAX_EFFORT`, about half a second.
        """
        if len(text) > MAX_TEXT_CHARS:
            raise UnsafePatternError(f"the text is longer than {MAX_TEXT_CHARS} characters")
        effort = [MAX_EFFORT] if effort is None else effort
        reached = self._close({self._start}, text, 0, effort)
        for position, character in enumerate(text, start=1):
            if self._final in reached:
                return True
            # What follows depends on the place only where the pattern asks for one (^, $, \b).
            key = (reached, character)
            following = None if self._asks_places else self._moves.get(key)
            if following is None:
                moved = self._moved(reached, character, effort)
                following = self._close({*moved, self._start}, text, position, effort)
                if not self._asks_places and self._cached < _MAX_CACHED_STATES:
                    self._moves[key] = following
                    self._cached += len(following)
            reached = following
        return self._final in reached

    def _moved(self, states: frozenset[int], character: str, effort: list[int]) -> set[int]:
        _spend(effort, len(states))
        moved: set[int] = set()
        for state in states:
            test = self._tests[state]
            if test is not None and test(character):
                moved.update(self._next[state])
        return moved

    def _close(self, states: Iterable[int], text: str, position: int, effort: list[int]) -> frozenset[int]:
        waiting = list(states)
        reached: set[int] = set(waiting)
        while waiting:
            state = waiting.pop()
            check = self._checks[state]
            if self._tests[state] is not None or (check and not _holds(check, text, position)):
                continue
            for following in self._next[state]:
                if following not in reached:
                    reached.add(following)
                    waiting.append(following)
        _spend(effort, len(reached))
        return frozenset(reached)

    def _state(self, test: Test | None, check: str | None, following: tuple[int, ...]) -> int:
        if len(self._tests) >= MAX_STATES:
            raise UnsafePatternError("the pattern is too large once its repetitions are written out")
        self._tests.append(test)
        self._checks.append(check)
        self._next.append(following)
        return len(self._tests) - 1

    def _sequence(self, items: Any, after: int) -> int:
        for operation, argument in reversed(list(items)):
            after = self._build(str(operation), argument, after)
        return after

    def _build(self, operation: str, argument: Any, after: int) -> int:
        match operation:
            case "LITERAL" | "NOT_LITERAL":
                return self._state(self._literal(argument, operation == "NOT_LITERAL"), None, (after,))
            case "ANY":
                dot_all = bool(self._flags & re.DOTALL)
                return self._state(lambda c: dot_all or c != "\n", None, (after,))
            case "IN":
                return self._state(self._set(argument), None, (after,))
            case "AT":
                return self._state(None, self._place(str(argument)), (after,))
            case "BRANCH":
                return self._state(None, None, tuple(self._sequence(each, after) for each in argument[1]))
            case "SUBPATTERN":
                if argument[1] or argument[2]:
                    raise UnsafePatternError("flags inside a group are not supported; put them at the start")
                return self._sequence(argument[3], after)
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeat(argument, after)
            case _:
                raise UnsafePatternError(f"{operation.lower()} needs backtracking and is not supported")

    def _repeat(self, repetition: tuple[int, Any, Any], after: int) -> int:
        least, most, items = repetition
        if most == int(_constants.MAXREPEAT):
            turn = self._state(None, None, ())
            self._next[turn] = (self._sequence(items, turn), after)
            after = turn
        else:
            for _ in range(int(most) - least):
                after = self._state(None, None, (self._sequence(items, after), after))
        for _ in range(least):
            after = self._sequence(items, after)
        return after

    def _literal(self, code: int, negated: bool) -> Test:
        wanted = self._fold(chr(code))
        return lambda c: (self._fold(c) == wanted) != negated

    def _fold(self, character: str) -> str:
        return character.lower() if self._flags & re.IGNORECASE else character

    def _set(self, items: Any) -> Test:
        negated = bool(items) and str(items[0][0]) == "NEGATE"
        members = [self._member(str(name), value) for name, value in items[negated:]]
        ignore_case = bool(self._flags & re.IGNORECASE)

        def test(character: str) -> bool:
            forms = {character, character.lower(), character.upper()} if ignore_case else {character}
            return any(member(form) for member in members for form in forms) != negated

        return test

    def _member(self, name: str, value: Any) -> Test:
        match name:
            case "LITERAL":
                return lambda c: c == chr(value)
            case "RANGE":
                low, high = cast("tuple[int, int]", value)
                return lambda c: len(c) == 1 and low <= ord(c) <= high
            case "CATEGORY":
                kind = str(value).removeprefix("CATEGORY_")
                positive = _CATEGORIES[kind.removeprefix("NOT_")]
                return (lambda c: not positive(c)) if kind.startswith("NOT_") else positive
            case _:
                raise UnsafePatternError(f"{name.lower()} is not supported in a set")

    def _place(self, name: str) -> str:
        multiline = bool(self._flags & re.MULTILINE)
        return f"{name}_LINE" if multiline and name in {"AT_BEGINNING", "AT_END"} else name


def _spend(effort: list[int], states: int) -> None:
    effort[0] -= states
    if effort[0] < 0:
        raise UnsafePatternError("the pattern takes too long on this text; make it simpler, or the text shorter")


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character) == "Mn"


_CATEGORIES: Final[dict[str, Test]] = {"DIGIT": str.isdecimal, "SPACE": str.isspace, "WORD": _is_word}


def _holds(check: str, text: str, position: int) -> bool:
    end = len(text)
    match check:
        case "AT_BEGINNING" | "AT_BEGINNING_STRING":
            return position == 0
        case "AT_BEGINNING_LINE":
            return position == 0 or text[position - 1] == "\n"
        case "AT_END":
            return position == end or (position == end - 1 and text[position] == "\n")
        case "AT_END_LINE":
            return position == end or text[position] == "\n"
        case "AT_END_STRING":
            return position == end
        case _:
            if end == 0:
                return False  # as Python's re has it for both checks in an empty text
            before = position > 0 and _is_word(text[position - 1])
            behind = position < end and _is_word(text[position])
            return (before != behind) == (check == "AT_BOUNDARY")


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> LinearPattern | None:
    """The pattern ready to search; None when it is no regular expression; raises `UnsafePatternError`."""
    try:
        return LinearPattern(pattern)
    except re.error:
        return None
    except (RecursionError, OverflowError) as error:
        raise UnsafePatternError("the pattern is nested too deeply or repeats too often") from error
