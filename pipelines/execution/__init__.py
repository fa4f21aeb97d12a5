"""How a run goes on, as pure decisions: what is ready, what a failure means, how loops and nested pipelines unfold.

graph, frame                 what is ready given what is done
composite                    steps that consist of steps:
loop, while_loop, switch, nesting, trials
batch                        what comes of many tasks in one step
robust                       what stands for an answer that did not come
branches                     what a switch, a break or a continue means to the steps around it
approval                     what a person is asked, and what counts as an answer
assent                       how many must say yes, and who may
replay                       what they did besides, when they are on record
taking_over                  which results hold when a run is run again
failure, skipping, spending  what a failure, a condition and a result mean
ledger, account              the budget of a run as a tree: what may be used, what is set aside, what is used up
limits, resources            what a limit that is reached ends, and memory and time of one pipeline
"""

from pipelines.execution.account import Account, Amount, amount_of
from pipelines.execution.approval import (
    ANSWERED,
    ASKED,
    Assent,
    Decision,
    Question,
    Reply,
    approval_result,
    decide,
    decision_of,
    expired,
    id_of,
    is_refusal,
    iso,
    kept,
    place_of,
    question_of,
    waited_s,
)
from pipelines.execution.assent import (
    ApprovalRules,
    Objection,
    answered_steps,
    assent_of,
    assent_part,
    assents_of,
    automatic_choice,
    needed,
    person_of,
    weigh,
)
from pipelines.execution.batch import batch_result, fewest_successes, task_breakdown
from pipelines.execution.branches import choose_branch, leaving_result
from pipelines.execution.composite import Composite, Fail, Move, Open, Settle
from pipelines.execution.failure import (
    FailureKind,
    StepFailure,
    after_failure,
    continued_result,
    kind_of_error,
    retry_delay_s,
    wants_another_way,
)
from pipelines.execution.frame import Ancestry, Frame, FrameOutcome, FrameSpec, closing_frame, frame_of
from pipelines.execution.graph import Graph, graph_of, graph_of_body, graph_of_finally
from pipelines.execution.ledger import Ledger
from pipelines.execution.limits import LimitReachedError, ends, out_of_time, tightest
from pipelines.execution.loop import LoopInputError, LoopRun, loop_items
from pipelines.execution.nesting import NestedRun, NestingError, enter, inner_scope, longest_s, workflow_facts
from pipelines.execution.replay import variables_set_within
from pipelines.execution.resources import resource_breach
from pipelines.execution.robust import answered, degraded, notice, worth_a_retry
from pipelines.execution.skipping import skipped_result, skipped_with
from pipelines.execution.spending import RunSpending, Spending
from pipelines.execution.switch import SwitchRun
from pipelines.execution.taking_over import ReplayRefusedError, Takeover, no_longer_held, take_over
from pipelines.execution.trials import Refused, Trial, TrialsRun
from pipelines.execution.while_loop import WhileRun

__all__ = [
    "ANSWERED",
    "ASKED",
    "Account",
    "Amount",
    "Ancestry",
    "ApprovalRules",
    "Assent",
    "Composite",
    "Decision",
    "Fail",
    "FailureKind",
    "Frame",
    "FrameOutcome",
    "FrameSpec",
    "Graph",
    "Ledger",
    "LimitReachedError",
    "LoopInputError",
    "LoopRun",
    "Move",
    "NestedRun",
    "NestingError",
    "Objection",
    "Open",
    "Question",
    "Refused",
    "ReplayRefusedError",
    "Reply",
    "RunSpending",
    "Settle",
    "Spending",
    "StepFailure",
    "SwitchRun",
    "Takeover",
    "Trial",
    "TrialsRun",
    "WhileRun",
    "after_failure",
    "amount_of",
    "answered",
    "answered_steps",
    "approval_result",
    "assent_of",
    "assent_part",
    "assents_of",
    "automatic_choice",
    "batch_result",
    "choose_branch",
    "closing_frame",
    "continued_result",
    "decide",
    "decision_of",
    "degraded",
    "ends",
    "enter",
    "expired",
    "fewest_successes",
    "frame_of",
    "graph_of",
    "graph_of_body",
    "graph_of_finally",
    "id_of",
    "inner_scope",
    "is_refusal",
    "iso",
    "kept",
    "kind_of_error",
    "leaving_result",
    "longest_s",
    "loop_items",
    "needed",
    "no_longer_held",
    "notice",
    "out_of_time",
    "person_of",
    "place_of",
    "question_of",
    "resource_breach",
    "retry_delay_s",
    "skipped_result",
    "skipped_with",
    "take_over",
    "task_breakdown",
    "tightest",
    "variables_set_within",
    "waited_s",
    "wants_another_way",
    "weigh",
    "workflow_facts",
    "worth_a_retry",
]
