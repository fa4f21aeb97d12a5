"""YAML's nodes as JSON values: duplicate keys, foreign tags and numbers without end are findings."""

from __future__ import annotations

import math
import re
from typing import Any, Final, cast

import yaml
from pydantic import JsonValue

from pipelines.language.diagnostics import Path, clip

from .document import Document, Position

_MOST_BITS: Final = 1023
_BOOLEANS: Final = frozenset({"true", "false"})
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9_]")
EXPONENT: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
"""A number here, and text to YAML 1.1."""
_TAG: Final = "tag:yaml.org,2002:"


class NodeReader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._build: Any = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: Path) -> JsonValue:
        self._document.values[path] = _mark(node)
        if isinstance(node, yaml.MappingNode):
            if _is_unquoted_template(node):
                message = "braces begin a map here; a text that begins with {{ must be quoted"
                self._document.report("unquoted", path, message, "text in quotes", 'write "{{ ... }}"', at=_mark(node))
                return ""
            if node.tag != f"{_TAG}map":
                self._document.report("tag", path, f"the tag {node.tag} is not allowed", "plain YAML", "remove the tag")
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != f"{_TAG}seq":
                self._document.report("tag", path, f"the tag {node.tag} is not allowed", "plain YAML", "remove the tag")
            children = cast("list[yaml.Node]", node.value)
            return [self.read(child, (*path, index)) for index, child in enumerate(children)]
        return self._scalar(cast(yaml.ScalarNode, node), path)

    def _map(self, node: yaml.MappingNode, path: Path) -> dict[str, JsonValue]:
        result: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] = {}
        seen: dict[str, Position] = {}
        for key_node, value_node in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            if key_node.tag == f"{_TAG}merge":
                self._merge(value_node, path, merged)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.report("key", path, "a key must be plain text", "text", "quote the key")
                continue
            key = cast(str, key_node.value)
            if key in seen:
                first = seen[key]
                self._duplicate(key, (*path, key), _mark(key_node), first)
                continue
            seen[key] = self._document.keys[(*path, key)] = _mark(key_node)
            result[key] = self.read(value_node, (*path, key))
        return {**{key: value for key, value in merged.items() if key not in result}, **result}

    def _merge(self, node: yaml.Node, path: Path, merged: dict[str, JsonValue]) -> None:
        sources = cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._document.report("merge", path, "`<<` merges maps only", "a map or a list of maps")
                continue
            for key, value in self._map(source, path).items():
                merged.setdefault(key, value)

    def _duplicate(self, key: str, path: Path, at: Position, first: Position) -> None:
        message = f"the key '{key}' is given twice (first on line {first.line}, column {first.column})"
        self._document.report("duplicate_key", path, message, "each key once", "remove or rename one of the two", at=at)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> JsonValue:
        text = cast(str, node.value)
        kind = _kind_people_expect(node.tag.removeprefix(_TAG), text, plain=not node.style)
        if kind == "bool" and text.lower() not in _BOOLEANS:
            word = "true" if self._build.construct_yaml_bool(node) else "false"
            self._document.warn("yaml_word", path, f"{text} means {word} here", f"write {word}, or quote it")
        if "\x00" in text:
            self._document.report("nul", path, "the text has a NUL character", "text", "remove it")
            return ""
        try:
            match kind:
                case "str" | "timestamp" | "value":
                    return text
                case "null":
                    return None
                case "bool":
                    return bool(self._build.construct_yaml_bool(node))
                case "int":
                    whole = int(self._build.construct_yaml_int(node))
                    if whole.bit_length() < _MOST_BITS:
                        return whole
                    self._document.report("number", path, f"{clip(text, 40)} is too large", "a number a float can hold")
                    return None
                case "float":
                    number = float(self._build.construct_yaml_float(node))
                    if math.isfinite(number):
                        return number
                    self._document.report("number", path, f"{text} is no finite number", "a finite number")
                    return None
                case _:
                    self._document.report(
                        "tag", path, f"the tag {node.tag} is not allowed", "plain YAML", "remove the tag"
                    )
                    return text
        except ValueError:
            self._document.report("number", path, f"cannot read {text[:40]!r} as {kind}", kind, "quote it")
            return text


def _is_unquoted_template(node: yaml.MappingNode) -> bool:
    """`{{ x }}` without quotes: YAML reads a map whose only key is a map."""
    pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
    return node.flow_style is True and len(pairs) == 1 and isinstance(pairs[0][0], yaml.MappingNode)


def _kind_people_expect(kind: str, text: str, *, plain: bool) -> str:
    """Where YAML 1.1 and its readers part: 1:30 is no sum of seconds, 010 no octal number, 1e3 a number."""
    if kind in {"int", "float"} and (":" in text or _LEADING_ZERO.match(text)):
        return "str"
    return "float" if kind == "str" and plain and EXPONENT.fullmatch(text) else kind


def _mark(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
