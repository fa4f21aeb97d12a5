"""YAML text as JSON values with the position of every key: PyYAML's safe loader, within limits.

Size, depth and node count are checked on the event stream before a tree is built, and the cost of aliases before they
are expanded, so that a hostile file costs milliseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml
from pydantic import JsonValue

from .diagnostics import MOST_FINDINGS, Diagnostic, InvalidPipelineError, Path, clip, key_path_text

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 60
MAX_NODES: Final = 50_000
MAX_EXPANDED_NODES: Final = 100_000
LONGEST_TEXT: Final = 1_000

# PyYAML's stubs leave streams and events untyped; named once here.
_YAML: Any = yaml
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """The values of one file and where each stands. Aliased nodes have the position of their anchor."""

    file: str
    value: JsonValue = None
    keys: dict[Path, Position] = field(default_factory=dict[Path, Position])
    values: dict[Path, Position] = field(default_factory=dict[Path, Position])
    findings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    left_out: int = 0

    @property
    def full(self) -> bool:
        """Whether further findings are only counted (`left_out`)."""
        return len(self.findings) >= MOST_FINDINGS

    def position(self, path: Path) -> Position:
        """Of the key at `path`, else of its value, else of the nearest parent that is in the text."""
        while True:
            found = self.keys.get(path) or self.values.get(path)
            if found is not None:
                return found
            if not path:
                return Position(0, 0)
            path = path[:-1]

    def report(
        self, code: str, path: Path, message: str, expected: str = "", fix: str = "", *, at: Position | None = None
    ) -> None:
        """Adds an error at `path`, or at `at` when that is given."""
        if self.full:
            self.left_out += 1
            return
        at = at or self.position(path)
        message, expected, fix = (clip(each, LONGEST_TEXT) for each in (message, expected, fix))
        self.findings.append(
            Diagnostic("error", code, message, self.file, at.line, at.column, key_path_text(path), expected, fix)
        )

    def warn(self, code: str, path: Path, message: str, fix: str = "") -> None:
        """Adds a warning at `path`: the definition holds, but not all of it means what its author may think."""
        if len(self.warnings) >= MOST_FINDINGS:
            return
        at = self.position(path)
        message, fix = clip(message, LONGEST_TEXT), clip(fix, LONGEST_TEXT)
        self.warnings.append(
            Diagnostic("warning", code, message, self.file, at.line, at.column, key_path_text(path), "", fix)
        )

    def all_findings(self) -> list[Diagnostic]:
        """What was found, in the order of the text, and how much more there is."""
        found = sorted(self.findings, key=lambda each: (each.line, each.column))
        if self.left_out:
            fix = "correct the first ones; the rest is told then"
            found.append(Diagnostic("error", "more", f"at least {self.left_out} more findings", self.file, fix=fix))
        return found


def read_yaml(text: str | bytes, file: str) -> Document:
    """Parses one document; raises `InvalidPipelineError` when it cannot be read at all.

    Duplicate keys, foreign tags and the like are collected in `findings`, so that all errors come at once.
    """
    source = decode_text(text, file)
    try:
        _check_limits(source, file)
        root = cast("yaml.Node | None", _YAML.compose(source, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise InvalidPipelineError([_syntax(error, source, file)]) from error
    except RecursionError as error:
        raise InvalidPipelineError([_limit(file, 1, 1, "the text is nested too deeply")]) from error
    if root is None:
        raise InvalidPipelineError(
            [Diagnostic("error", "empty", "the text is empty", file, 1, 1, expected="a map with name and steps")]
        )
    _check_expansion(root, file)
    document = Document(file)
    document.value = _Reader(document).read(root, ())
    return document


def decode_text(text: str | bytes, file: str) -> str:
    """The text of a definition's bytes; raises `InvalidPipelineError` when they are too many or not UTF-8."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise InvalidPipelineError([_limit(file, 0, 0, f"the text is larger than {MAX_BYTES} bytes")])
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            good = text[: error.start].decode("utf-8", "replace")
            line, column = good.count("\n") + 1, len(good) - good.rfind("\n")
            message = f"the byte 0x{text[error.start]:02x} is not UTF-8"
            raise InvalidPipelineError(
                [Diagnostic("error", "encoding", message, file, line, column, fix="save the file as UTF-8")]
            ) from error
    return text.removeprefix("\ufeff")


def _check_limits(source: str, file: str) -> None:
    depth = nodes = 0
    for event in _YAML.parse(source, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        mark: Any = event.start_mark
        if depth > MAX_DEPTH:
            raise InvalidPipelineError(
                [_limit(file, mark.line + 1, mark.column + 1, f"nested deeper than {MAX_DEPTH} levels", _FLATTER)]
            )
        if nodes > MAX_NODES:
            raise InvalidPipelineError([_limit(file, mark.line + 1, mark.column + 1, f"more than {MAX_NODES} values")])


def _check_expansion(root: yaml.Node, file: str) -> None:
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if id(node) in open_nodes:
            raise InvalidPipelineError([_limit(file, line, column, "an alias contains itself", _FEWER_ALIASES)])
        open_nodes.add(id(node))
        total = 1 + sum(size(child) for child in _children(node))
        open_nodes.discard(id(node))
        if total > MAX_EXPANDED_NODES:
            message = f"aliases expand to more than {MAX_EXPANDED_NODES} values"
            raise InvalidPipelineError([_limit(file, line, column, message, _FEWER_ALIASES)])
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
        return [each for pair in pairs for each in pair]
    return cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else []


_SPLIT: Final = "split the pipeline into several files"
_FLATTER: Final = "write it with fewer levels, or split the pipeline into several files"
_FEWER_ALIASES: Final = "write the values out instead of naming them with *alias"


def _limit(file: str, line: int, column: int, message: str, fix: str = _SPLIT) -> Diagnostic:
    return Diagnostic("error", "limit", message, file, line, column, fix=fix)


def _syntax(error: yaml.YAMLError, source: str, file: str) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    message = str(getattr(error, "problem", None) or error).splitlines()[0]
    if isinstance(error, yaml.reader.ReaderError):
        before = source[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the character {error.character!r} is not allowed"
        if isinstance(error.character, int):
            message = f"the character U+{error.character:04X} is not allowed"
    if message == "but found another document":
        return Diagnostic(
            "error", "yaml", "a second document begins here", file, line, column, "", "one pipeline a file", _SPLIT
        )
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    fix = "check quotes, colons and indentation on this line and the one above"
    if "\t" in text[: len(text) - len(text.lstrip())]:
        message, fix = f"a tab cannot indent ({message})", "indent with spaces"
    return Diagnostic("error", "yaml", message, file, line, column, expected="valid YAML", fix=fix)


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._build: Any = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: Path) -> JsonValue:
        self._document.values[path] = _mark(node)
        if isinstance(node, yaml.MappingNode):
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
        kind = node.tag.removeprefix(_TAG)
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
                    return int(self._build.construct_yaml_int(node))
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


def _mark(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
