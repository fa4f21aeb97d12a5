"""The graph of a pipeline as Mermaid, as DOT, and as lines for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pipelines.language import BaseStep, Pipeline

from .outline import Block, condition_text, inner_blocks, kind_of, whole_outline


def draw_mermaid(pipeline: Pipeline) -> str:
    """A Mermaid flowchart: arrows lead from what is waited for; what is inside a step is a subgraph."""
    plan = _plan(pipeline)
    lines = ["flowchart TD"]

    def frame(box: _Box, indent: str) -> Iterator[str]:
        for node in box.nodes:
            opening, closing = ("{{", "}}") if node.conditional else ("[", "]")
            yield f'{indent}{node.id}{opening}"{"<br/>".join(_mermaid(each) for each in node.lines)}"{closing}'
        for inner in box.boxes:
            yield f'{indent}subgraph {inner.id}["{_mermaid(inner.title)}"]'
            yield from frame(inner, indent + "  ")
            yield f"{indent}end"

    lines += frame(plan, "  ")
    lines += [f"  {a} --> {b}" for a, b in plan.arrows]
    lines += [f"  {a} -.-> {b}" for a, b in plan.openings]
    return "\n".join(lines) + "\n"


def draw_dot(pipeline: Pipeline) -> str:
    """The same for Graphviz."""
    plan = _plan(pipeline)
    lines = [f'digraph "{_dot(pipeline.name)}" {{', "  rankdir=TB;", '  node [shape=box, fontname="sans-serif"];']

    def frame(box: _Box, indent: str) -> Iterator[str]:
        for node in box.nodes:
            shape = ", shape=hexagon" if node.conditional else ""
            label = "\\n".join(_dot(each) for each in node.lines)
            yield f'{indent}{node.id} [label="{label}"{shape}];'
        for inner in box.boxes:
            yield f"{indent}subgraph cluster_{inner.id} {{"
            yield f'{indent}  label="{_dot(inner.title)}";'
            yield from frame(inner, indent + "  ")
            yield f"{indent}}}"

    lines += frame(plan, "  ")
    lines += [f"  {a} -> {b};" for a, b in plan.arrows]
    lines += [f"  {a} -> {b} [style=dashed];" for a, b in plan.openings]
    return "\n".join([*lines, "}"]) + "\n"


def draw_text(pipeline: Pipeline) -> str:
    """Rounds from top to bottom; the steps of a round, side by side in time, stand below each other."""
    return "\n".join([pipeline.name, *_text(whole_outline(pipeline), "")]) + "\n"


DRAWINGS: Final[Mapping[str, Callable[[Pipeline], str]]] = {
    "text": draw_text,
    "mermaid": draw_mermaid,
    "dot": draw_dot,
}


def _text(block: Block, indent: str) -> Iterator[str]:
    steps = block.by_name
    width = max((len(step.name) for step in block.steps), default=0)
    digits = len(str(len(block.rounds)))
    for number, names in enumerate(block.rounds, start=1):
        last_round = number == len(block.rounds)
        for place, name in enumerate(names):
            step = steps[name]
            first, last = place == 0, place == len(names) - 1
            stem = ("└─" if last_round else "├─") if first else ("  " if last_round else "│ ")
            fork = "─" if first and last else "┬" if first else "└" if last else "├"
            label = f"{number:>{digits}} " if first else " " * (digits + 1)
            yield f"{indent}{stem} {label}{fork} {name:<{width}}  {_facts(step, block)}".rstrip()
            below = indent + ("  " if last_round else "│ ") + " " * (digits + 2) + ("  " if last else "│ ")
            for inner in inner_blocks(step):
                yield f"{below}  ┊ {inner.title}"
                yield from _text(inner, below + "  ")


def _facts(step: BaseStep, block: Block) -> str:
    waits = [other.name for other in block.steps if other.name in block.graph[step.name]]
    facts = [kind_of(step)]
    if step.name in block.at_the_end:
        facts.append("finally")
    if waits:
        facts.append("← " + ", ".join(waits))
    if step.condition is not None:
        facts.append("if " + condition_text(step.condition))
    return "  ".join(facts)


@dataclass(slots=True)
class _Node:
    id: str
    lines: list[str]
    conditional: bool


@dataclass(slots=True)
class _Box:
    id: str
    title: str
    nodes: list[_Node] = field(default_factory=list[_Node])
    boxes: list[_Box] = field(default_factory=list["_Box"])
    arrows: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    openings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def _plan(pipeline: Pipeline) -> _Box:
    """Numbered nodes, because a step's name may be a word of the drawing's language or occur in two blocks."""
    whole = _Box("all", pipeline.name)
    count = 0

    def fill(block: Block, box: _Box) -> list[str]:
        nonlocal count
        ids: dict[str, str] = {}
        for step in block.steps:
            ids[step.name] = f"s{count}"
            count += 1
        for step in block.steps:
            lines = [step.name, kind_of(step)]
            if step.name in block.at_the_end:
                lines.append("finally")
            if step.condition is not None:
                lines.append("if " + condition_text(step.condition))
            box.nodes.append(_Node(ids[step.name], lines, step.condition is not None))
            whole.arrows.extend(
                (ids[other.name], ids[step.name]) for other in block.steps if other.name in block.graph[step.name]
            )
            for number, inner in enumerate(inner_blocks(step)):
                inside = _Box(f"b{ids[step.name]}_{number}", inner.title)
                box.boxes.append(inside)
                whole.openings.extend((ids[step.name], first) for first in fill(inner, inside))
        return [ids[name] for name in block.rounds[0]] if block.rounds else []

    fill(whole_outline(pipeline), whole)
    return whole


def _mermaid(text: str) -> str:
    marks = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;"}
    return "".join(marks.get(each, each) for each in " ".join(text.split()))


def _dot(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
