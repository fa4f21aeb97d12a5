"""A StepActor's orders: what one step of a run is, and on whose behalf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from pydantic import JsonValue

from actors.kernel import ActorRef
from pipelines.execution import Ancestry
from pipelines.guardrails import NOBODY, Subject
from pipelines.guardrails.budget import Payer
from pipelines.language import Scope, Step


class StepTicket(Struct, eq=False):
    """What a StepActor is to do. With `failed` it goes straight to what follows a failure: for steps that consist of
    steps, whose own attempt is over. `name` is the StepActor's, `owner` the PipelineActor that is told, by its name,
    `began` when the step did, in seconds of the kernel's clock. `skipped_with` names the step before it with which it
    is skipped. `payers` are the runs, each with the path of a step, whose limits its calls count against; `subject`
    is what kill switches know the step by. `account` is who pays for its calls at the Treasury. `submitters` had the
    run made. `incarnations` is counted by the StepActor alone. `last`: when it began, nothing else was left to do in
    the run.
    """

    run_id: str
    pipeline: str
    key: str
    name: str
    step: Step
    scope: Scope
    ancestry: Ancestry
    workspace: str
    routes: Mapping[str, str]
    may_fall_back: bool
    began: float
    owner: ActorRef[Any]
    failed: dict[str, JsonValue] | None = None
    skipped_with: str | None = None
    payers: tuple[tuple[str, str], ...] = ()
    subject: Subject = NOBODY
    account: Payer | None = None
    submitters: tuple[str, ...] = ()
    incarnations: int = 0
    last: bool = False
