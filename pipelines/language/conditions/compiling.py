"""A condition's text to closures: parsed once from a real grammar, run against a `Scope` as often as asked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

from pydantic import JsonValue

from pipelines.language.diagnostics import ConditionError, TemplateError, clip, nearest
from pipelines.language.patterns import MAX_EFFORT, compile_pattern
from pipelines.language.scope import Missing, Scope, Segments, find_in, to_text
from pipelines.language.templates import compile_template, quote_hyphens, render

from .functions import FUNCTIONS, arithmetic, between, compare, contains, is_true
from .parsing import ConditionSyntaxError, Tree, parse_condition

MAX_CONDITION_CHARS = 10_000
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_CONSTANTS = {"true": True, "false": False}  # every other spelling is one of null
_MARK = re.compile("\x01(\\d+)\x01")
_CONTEXT_FUNCTIONS = ("any", "all", "count", "now", "matches")
_MOST_INDEX_DIGITS = 20
_NO_ITEM = object()
# In states of a pattern, which is what effort is counted in.
_EFFORT_OF_ITEM = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """What one evaluation sees: the scope, and the item of `any(items, "...")` that is being asked about."""

    scope: Scope
    item: Any = _NO_ITEM
    effort: list[int] = field(default_factory=lambda: [MAX_EFFORT])


Node = Callable[[Frame], Any]


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """One condition text. `paths` are the names it reads, templates' names in `template_paths`."""

    text: str
    paths: tuple[Segments, ...]
    template_paths: tuple[Segments, ...]
    run: Node


@lru_cache(maxsize=4096)
def compile_condition(text: str) -> CompiledCondition:
    """Parses `text`; raises `ConditionError`. The same text is compiled once."""
    if len(text) > MAX_CONDITION_CHARS:
        raise ConditionError(text, f"the condition is longer than {MAX_CONDITION_CHARS} characters")
    templates: list[str] = []

    def mark(found: re.Match[str]) -> str:
        templates.append(found[0])
        return f"\x01{len(templates) - 1}\x01"

    source = _TEMPLATE.sub(mark, text.replace("\x01", " "))
    try:
        template_paths = [path for each in templates for path in compile_template(each).paths]
        tree = parse_condition(quote_hyphens(source) if "-" in source else source)
        builder = _Builder(text, tuple(templates))
        run = builder.build(tree)
    except ConditionSyntaxError as error:
        raise ConditionError(text, _syntax_message(error.position, source)) from error
    except TemplateError as error:
        raise ConditionError(text, error.reason) from error
    except RecursionError as error:
        raise ConditionError(text, "the condition is nested too deeply") from error
    return CompiledCondition(text, tuple(builder.paths), tuple(template_paths), run)


def _syntax_message(position: int, source: str) -> str:
    if position >= len(source):
        return "the condition ends too early"
    advice = "a comparison is written ==; " if re.match(r"=(?!=)", source[position:]) else ""
    return f"{advice}cannot read the condition at character {position + 1}: {source[position : position + 20]!r}"


class _Builder:
    """Turns the tree into closures, noting the paths it reads."""

    def __init__(self, text: str, templates: tuple[str, ...]) -> None:
        self.paths: list[Segments] = []
        self._text = text
        self._templates = templates

    def build(self, node: Tree) -> Node:
        match node.rule:
            case "path":
                return self._path(node.words)
            case "number":
                number = self._number(node.words[0])
                return lambda frame: number
            case "string":
                return self._string(node.words[0])
            case "template":
                template = self._templates[int(node.words[0].strip("\x01"))]
                return lambda frame: render(template, frame.scope)
            case "constant":
                constant = _CONSTANTS.get(node.words[0].lower())
                return lambda frame: constant
            case "call":
                return self._call(node.words[0], node.parts)
            case _:
                return self._operator(node.rule, "".join(node.words), [self.build(each) for each in node.parts])

    def _operator(self, rule: str, word: str, sides: list[Node]) -> Node:
        match rule:
            case "or_test" | "and_test":
                return self._all_or_any(rule == "and_test", sides)
            case "items":
                return lambda frame: [each(frame) for each in sides]
            case "negate":
                return lambda frame: not is_true(sides[0](frame))
            case "exists" | "empty":
                told = FUNCTIONS[rule][2]
                return lambda frame: told(sides[0](frame))
            case "minus":
                return lambda frame: arithmetic("-", 0, sides[0](frame))
            case "between":
                return lambda frame: between(sides[0](frame), sides[1](frame), sides[2](frame))
            case _:
                return self._between_two(rule, word, sides[0], sides[1])

    def _between_two(self, rule: str, word: str, left: Node, right: Node) -> Node:
        match rule:
            case "compare":
                return lambda frame: compare(word, left(frame), right(frame))
            case "binary":
                return lambda frame: arithmetic(word, left(frame), right(frame))
            case "contains":
                return lambda frame: contains(left(frame), right(frame))
            case "lacks":
                return lambda frame: not contains(left(frame), right(frame))
            case "member":
                return lambda frame: contains(right(frame), left(frame))
            case "stranger":
                return lambda frame: not contains(right(frame), left(frame))
            case "starts" | "ends":
                fits = FUNCTIONS[f"{rule}With"][2]
                return lambda frame: fits(left(frame), right(frame))
            case _:
                return lambda frame: _matches(left(frame), right(frame), frame.effort)

    def _all_or_any(self, every: bool, parts: list[Node]) -> Node:
        if every:
            return lambda frame: all(is_true(each(frame)) for each in parts)
        return lambda frame: any(is_true(each(frame)) for each in parts)

    def _path(self, words: tuple[str, ...]) -> Node:
        path: Segments = tuple(self._segment(each) for each in words)
        if path[0] == "@":
            return lambda frame: _or_null(find_in(frame.item, path[1:])) if frame.item is not _NO_ITEM else None
        self.paths.append(path)

        def find(frame: Frame) -> JsonValue:
            item = frame.item
            if item is not _NO_ITEM and isinstance(item, Mapping) and path[0] in item:
                return _or_null(find_in(cast(JsonValue, item), path))
            return _or_null(frame.scope.find(path))

        return find

    def _string(self, token: str) -> Node:
        text = _unquote(token)
        if "\x01" not in text:
            return lambda frame: text

        def fill(frame: Frame) -> str:
            return _MARK.sub(lambda m: to_text(render(self._templates[int(m[1])], frame.scope)), text)

        return fill

    def _segment(self, word: str) -> str | int:
        if word[0] in "\"'":
            return _unquote(word)
        if not (word[0] == "-" or word[0].isdecimal()):
            return word
        if len(word) > _MOST_INDEX_DIGITS:
            raise ConditionError(self._text, f"the index {clip(word, 40)} is too large")
        return int(word)

    def _call(self, name: str, parts: tuple[Tree, ...]) -> Node:
        if name in {"any", "all", "count"} and len(parts) == 2:
            return self._over_items(name, parts[0], parts[1])
        arguments = [self.build(each) for each in parts]
        if name == "now" and not arguments:
            return lambda frame: self._now(frame.scope)
        if name == "matches" and len(arguments) == 2:
            return lambda frame: _matches(arguments[0](frame), arguments[1](frame), frame.effort)
        if name in {"any", "all", "count"} and len(arguments) == 1:
            return lambda frame: _whole(name, arguments[0](frame))
        known = FUNCTIONS.get(name)
        if known is None:
            names = [*FUNCTIONS, *_CONTEXT_FUNCTIONS]
            match = nearest(name, names)
            hint = f"did you mean '{match}'?" if match else f"there are: {', '.join(names)}"
            raise ConditionError(self._text, f"unknown function '{name}' ({hint})")
        fewest, most, function = known
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            raise ConditionError(self._text, f"{name}() takes {fewest} argument(s), got {len(arguments)}")
        return lambda frame: function(*[each(frame) for each in arguments])

    def _over_items(self, name: str, source: Tree, condition: Tree) -> Node:
        if condition.rule != "string":
            raise ConditionError(self._text, f"{name}() needs its condition as text in quotes")
        values = self.build(source)
        # Names in it are fields of the items first, so they count as no reference of the step.
        predicate = compile_condition(_unquote(condition.words[0])).run

        def run(frame: Frame) -> Any:
            items = values(frame)
            if not isinstance(items, list | tuple):
                return 0 if name == "count" else False
            held = (is_true(predicate(self._about(each, frame))) for each in cast("list[Any]", items))
            return sum(held) if name == "count" else (any if name == "any" else all)(held)

        return run

    def _about(self, item: Any, frame: Frame) -> Frame:
        frame.effort[0] -= _EFFORT_OF_ITEM
        if frame.effort[0] < 0:
            most = MAX_EFFORT // _EFFORT_OF_ITEM
            raise ConditionError(self._text, f"any(), all() and count() look at {most} items in all at most")
        return Frame(frame.scope, item, frame.effort)

    def _number(self, text: str) -> int | float:
        number = float(text)
        if math.isinf(number):
            raise ConditionError(self._text, f"the number {clip(text, 40)} is too large")
        return number if set(".eE") & set(text) else int(text)

    def _now(self, scope: Scope) -> float:
        if scope.now_s is None:
            raise ConditionError(self._text, "now() needs the run's clock, and there is none here")
        return scope.now_s


def _whole(name: str, value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return 0 if name == "count" else False
    items = cast("list[Any]", value)
    return len(items) if name == "count" else (any if name == "any" else all)(is_true(each) for each in items)


def _matches(text: JsonValue, pattern: JsonValue, effort: list[int]) -> bool:
    if not isinstance(text, str) or not isinstance(pattern, str):
        return False
    compiled = compile_pattern(pattern)
    return compiled is not None and compiled.search(text, effort)


def _or_null(value: JsonValue | Missing) -> JsonValue:
    return None if isinstance(value, Missing) else value


def _unquote(token: str) -> str:
    return re.sub(r"\\(['\"\\])", r"\1", token[1:-1])
