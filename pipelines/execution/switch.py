"""`switch` as a composite: one frame for the branch that was chosen."""

from __future__ import annotations

from pipelines.execution.branches import switch_result
from pipelines.execution.composite import Fail, Move, Open, Settle
from pipelines.execution.frame import Ancestry, FrameOutcome, FrameSpec
from pipelines.execution.graph import graph_of_body
from pipelines.language import Scope, SwitchStep


class SwitchRun:
    """One switch in the making. `branch` is the place of the chosen one among `step.bodies()`, or None.

    The path of its steps holds that place (`route[1]/step`), since branches may use the same names.
    """

    def __init__(self, key: str, step: SwitchStep, branch: int | None, scope: Scope, ancestry: Ancestry) -> None:
        self._key = key
        self._step = step
        self._branch = branch
        self._scope = scope
        self._ancestry = ancestry

    @property
    def timeout_s(self) -> float | None:
        return self._step.timeout_s

    def advance(self, ended: FrameOutcome | None) -> Move:
        branch = self._branch
        if ended is not None:
            if ended.error is not None:
                return Fail(ended.error)
            return Settle(switch_result(self._step, branch, ended.results, ended.left_by))
        if branch is None or not self._step.bodies()[branch][1]:
            return Settle(switch_result(self._step, branch, {}, None))
        graph = graph_of_body(self._step, branch)
        return Open((FrameSpec(f"{self._key}[{branch}]", graph, self._scope, self._ancestry),))
