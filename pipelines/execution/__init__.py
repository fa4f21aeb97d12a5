"""How a run goes on, as pure decisions: what is ready, what a failure means, how loops and nested pipelines unfold.

graph, frame                 what is ready given what is done
composite, loop, nesting     steps that consist of steps
replay                       what they did besides, when they are on record
failure, skipping, spending  what a failure, a condition and a result mean
"""

from pipelines.execution.composite import Composite, Fail, Move, Open, Settle
from pipelines.execution.failure import (
    FailureKind,
    StepFailure,
    continued_result,
    retry_delay_s,
    wants_another_way,
)
from pipelines.execution.frame import Ancestry, Frame, FrameOutcome, FrameSpec
from pipelines.execution.graph import Graph, graph_of, graph_of_loop
from pipelines.execution.loop import LoopInputError, LoopRun, loop_items
from pipelines.execution.nesting import NestedRun, NestingError, enter, inner_scope, workflow_facts
from pipelines.execution.replay import variables_set_within
from pipelines.execution.skipping import skipped_result
from pipelines.execution.spending import RunSpending, Spending

__all__ = [
    "Ancestry",
    "Composite",
    "Fail",
    "FailureKind",
    "Frame",
    "FrameOutcome",
    "FrameSpec",
    "Graph",
    "LoopInputError",
    "LoopRun",
    "Move",
    "NestedRun",
    "NestingError",
    "Open",
    "RunSpending",
    "Settle",
    "Spending",
    "StepFailure",
    "continued_result",
    "enter",
    "graph_of",
    "graph_of_loop",
    "inner_scope",
    "loop_items",
    "retry_delay_s",
    "skipped_result",
    "variables_set_within",
    "wants_another_way",
    "workflow_facts",
]
