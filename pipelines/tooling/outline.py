"""A pipeline as nested blocks of rounds: what drawings and explanations have in common.

A block is a list of steps that wait for each other: the pipeline's own, a loop's body, a branch, an inline pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from pipelines.language import BaseStep, Pipeline, PipelineStep, build_graph, waves

LONGEST_WORDING = 60


@dataclass(frozen=True, slots=True)
class Block:
    """`title` says what the block is to the step that holds it; `rounds` run one after the other, each side by side.

    `at_the_end` names the steps of `finally`, whose rounds come last.
    """

    title: str
    steps: tuple[BaseStep, ...]
    graph: Mapping[str, frozenset[str]]
    rounds: tuple[tuple[str, ...], ...]
    at_the_end: frozenset[str] = frozenset()

    @property
    def by_name(self) -> dict[str, BaseStep]:
        """Its steps by name."""
        return {step.name: step for step in self.steps}


def outline(pipeline: Pipeline) -> Block:
    """The block of the pipeline's own steps."""
    return _block(pipeline.name, pipeline.steps, pipeline.dependency_graph)


def whole_outline(pipeline: Pipeline) -> Block:
    """The same with its `finally` steps."""
    return _pipeline(pipeline.name, pipeline)


def finally_block(pipeline: Pipeline) -> Block:
    """The steps that come after everything, whatever happened."""
    return _block("finally", pipeline.finally_, pipeline.finally_graph)


def inner_blocks(step: BaseStep) -> tuple[Block, ...]:
    """The blocks inside a step, in the order of the text."""
    if isinstance(step, PipelineStep) and step.pipeline is not None:
        return (_pipeline(f"pipeline {step.pipeline.name}", step.pipeline),)
    blocks: list[Block] = []
    for key, body in step.bodies():
        blocks.append(_block(_title(step, key), body, build_graph(body)))
    return tuple(blocks)


def kind_of(step: BaseStep) -> str:
    """The step's `type`."""
    return str(getattr(step, "type", "?"))


def condition_text(condition: JsonValue) -> str:
    """A condition in one line, cut when it is long."""
    text = condition if isinstance(condition, str) else json.dumps(condition, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WORDING else text[: LONGEST_WORDING - 1] + "…"


def _block(title: str, steps: tuple[BaseStep, ...], graph: Mapping[str, frozenset[str]]) -> Block:
    return Block(title, steps, graph, waves(graph))


def _pipeline(title: str, pipeline: Pipeline) -> Block:
    first, last = pipeline.dependency_graph, pipeline.finally_graph
    rounds = (*waves(first), *waves(last))
    return Block(title, pipeline.all_steps, {**first, **last}, rounds, frozenset(last))


def _title(step: BaseStep, key: tuple[str | int, ...]) -> str:
    match kind_of(step):
        case "for_loop":
            return f"for each {getattr(step, 'iterator', 'item')} of {condition_text(getattr(step, 'data_source', ''))}"
        case "while_loop":
            return f"while {condition_text(step.condition)}"
        case "switch" if key[:1] == ("cases",) and len(key) > 1:
            case = getattr(step, "cases", ())[int(key[1])]
            asked = getattr(case, "condition", None)
            when = getattr(case, "when", None)
            return f"case {condition_text(asked if asked is not None else when)}"
        case "switch":
            return "otherwise"
        case _:
            return ".".join(str(each) for each in key)
