"""How a run goes on, as pure decisions: what is ready, what a failure means, how loops and nested pipelines unfold.

graph, frame                 what is ready given what is done
composite                    steps that consist of steps:
loop, while_loop, switch, nesting, trials
batch                        what comes of many tasks in one step
robust                       what stands for an answer that did not come
branches                     what a switch, a break or a continue means to the steps around it
replay                       what they did besides, when they are on record
failure, skipping, spending  what a failure, a condition and a result mean
"""

from pipelines.execution.batch import batch_result, fewest_successes
from pipelines.execution.branches import choose_branch, leaving_result
from pipelines.execution.composite import Composite, Fail, Move, Open, Settle
from pipelines.execution.failure import (
    FailureKind,
    StepFailure,
    continued_result,
    retry_delay_s,
    wants_another_way,
)
from pipelines.execution.frame import Ancestry, Frame, FrameOutcome, FrameSpec
from pipelines.execution.graph import Graph, graph_of, graph_of_body
from pipelines.execution.loop import LoopInputError, LoopRun, loop_items
from pipelines.execution.nesting import NestedRun, NestingError, enter, inner_scope, workflow_facts
from pipelines.execution.replay import variables_set_within
from pipelines.execution.robust import answered, degraded, notice, worth_a_retry
from pipelines.execution.skipping import skipped_result
from pipelines.execution.spending import RunSpending, Spending
from pipelines.execution.switch import SwitchRun
from pipelines.execution.trials import Refused, Trial, TrialsRun
from pipelines.execution.while_loop import WhileRun

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
    "Refused",
    "RunSpending",
    "Settle",
    "Spending",
    "StepFailure",
    "SwitchRun",
    "Trial",
    "TrialsRun",
    "WhileRun",
    "answered",
    "batch_result",
    "choose_branch",
    "continued_result",
    "degraded",
    "enter",
    "fewest_successes",
    "graph_of",
    "graph_of_body",
    "inner_scope",
    "leaving_result",
    "loop_items",
    "notice",
    "retry_delay_s",
    "skipped_result",
    "variables_set_within",
    "wants_another_way",
    "workflow_facts",
    "worth_a_retry",
]
