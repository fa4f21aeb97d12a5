"""What the node gives to all runs alike. One object, handed to the dispatcher and to every actor of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.kernel import ActorRef, Kernel
from actors.killswitch import KillView
from actors.runs.former_lives import FormerLives
from actors.runs.voice import RunVoice
from actors.steps import LAST_RESORTS, STEP_EXECUTORS, Executor, LastResort, PriceOf, Till, unknown_price
from pipelines.execution import ApprovalRules
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.budget import Payer
from pipelines.guardrails.phase_names import Maturity
from pipelines.guardrails.phases import Level

TillOf = Callable[[Kernel, ActorRef[Any], Payer], Till]
"""The way of a StepActor to the Treasury, for calls that this payer pays for."""


@dataclass(frozen=True, slots=True, eq=False)
class Workbench:
    """`routes` maps a step type or family ("claude", "gemini") to a provider's name. `executors` maps step types to
    what runs them, `last_resorts` to what they do when that has failed for good. `fallback_timeout_s` bounds one search
    for another way, `record_timeout_s` how long a result waits for a journal that cannot write. `threads` bounds the
    steps that use blocking I/O at the same time. `price_of` prices calls of runs that limit what they cost; `till_of`
    leads to the Treasury, None where there is none; `breakers` are the node's, None where there are none. `levels` are
    the guardrails by maturity; without one, none hold. `approval_rules` are what the node demands of approvals.
    """

    kill_view: KillView
    routes: Mapping[str, str] = field(default_factory=dict[str, str])
    executors: Mapping[str, Executor] = field(default_factory=lambda: STEP_EXECUTORS)
    last_resorts: Mapping[str, LastResort] = field(default_factory=lambda: LAST_RESORTS)
    voice: RunVoice = field(default_factory=RunVoice)
    former_lives: FormerLives = field(default_factory=FormerLives)
    fallback_timeout_s: float = 300.0
    record_timeout_s: float = 60.0
    price_of: PriceOf = unknown_price
    till_of: TillOf | None = None
    levels: Mapping[Maturity, Level] = field(default_factory=dict[Maturity, Level])
    breakers: BreakerPanel | None = None
    approval_rules: ApprovalRules = field(default_factory=ApprovalRules)
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
