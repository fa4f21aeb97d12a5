"""How large a text may be: checked on the bytes, on the stream of events, and on what its aliases expand to.

Each check comes before the work that it bounds, so that a hostile file costs milliseconds.
"""

from __future__ import annotations

from typing import Any, Final, cast

import yaml

from pipelines.language.diagnostics import Diagnostic, InvalidPipelineError

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 60
MAX_NODES: Final = 50_000
MAX_EXPANDED_NODES: Final = 100_000

# PyYAML's stubs leave streams and events untyped; named once here.
YAML: Any = yaml
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SPLIT: Final = "split the pipeline into several files"
_FLATTER: Final = "write it with fewer levels, or split the pipeline into several files"
_TOO_DEEP: Final = (f"nested deeper than {MAX_DEPTH} levels", _FLATTER)
_FEWER_ALIASES: Final = "write the values out instead of naming them with *alias"


def check_limits(source: str, file: str) -> bool:
    """Whether the text names anything by an alias. Raises `InvalidPipelineError` where it nests too deeply or holds too
    many values, and `YAMLError` where it cannot be read."""
    depth = nodes = 0
    aliases = False
    for event in YAML.parse(source, Loader=LOADER):
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.AliasEvent):
                aliases = True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            mark: Any = event.start_mark
            message, fix = _TOO_DEEP if depth > MAX_DEPTH else (f"more than {MAX_NODES} values", SPLIT)
            raise InvalidPipelineError([limit(file, mark.line + 1, mark.column + 1, message, fix)])
    return aliases


def check_expansion(root: yaml.Node, file: str) -> None:
    """Raises `InvalidPipelineError` where the aliases below `root` expand to too many values, to too many levels, or
    without end. Each node is looked at once, however often it is named."""
    known: dict[int, tuple[int, int]] = {}
    open_nodes: set[int] = set()

    def refuse(node: yaml.Node, message: str, fix: str = _FEWER_ALIASES) -> InvalidPipelineError:
        return InvalidPipelineError([limit(file, node.start_mark.line + 1, node.start_mark.column + 1, message, fix)])

    def measure(node: yaml.Node, depth: int) -> tuple[int, int]:
        """How many values the node expands to, and how many levels."""
        found = known.get(id(node))
        if found is None:
            if id(node) in open_nodes:
                raise refuse(node, "an alias contains itself")
            if depth > MAX_DEPTH:  # the recursion's own depth: a chain of aliases may be longer than the text is deep
                raise refuse(node, *_TOO_DEEP)
            open_nodes.add(id(node))
            values, levels = 1, 0
            for child in _children(node):
                below, deeper = measure(child, depth + 1)
                values, levels = values + below, max(levels, deeper + 1)
            open_nodes.discard(id(node))
            found = known[id(node)] = values, levels
        if found[0] > MAX_EXPANDED_NODES:
            raise refuse(node, f"aliases expand to more than {MAX_EXPANDED_NODES} values")
        if depth + found[1] > MAX_DEPTH:
            raise refuse(node, *_TOO_DEEP)
        return found

    measure(root, 0)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        pairs = cast("list[tuple[yaml.Node, yaml.Node]]", node.value)
        return [each for pair in pairs for each in pair]
    return cast("list[yaml.Node]", node.value) if isinstance(node, yaml.SequenceNode) else []


def limit(file: str, line: int, column: int, message: str, fix: str = SPLIT) -> Diagnostic:
    return Diagnostic("error", "limit", message, file, line, column, fix=fix)
