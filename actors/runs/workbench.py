"""What the node gives to all runs alike. One object, handed to the dispatcher and to every actor of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.killswitch import KillView
from actors.runs.voice import RunVoice
from actors.steps import LAST_RESORTS, STEP_EXECUTORS, Executor, LastResort, PriceOf, unknown_price


@dataclass(frozen=True, slots=True, eq=False)
class Workbench:
    """`routes` maps a step type or family ("claude", "gemini") to a provider's name. `executors` maps step types to
    what runs them, `last_resorts` to what they do when that has failed for good. `fallback_timeout_s` bounds one search
    for another way, `record_timeout_s` how long a result waits for a journal that cannot write. `threads` bounds the
    steps that use blocking I/O at the same time. `price_of` prices calls of runs that limit what they cost.
    """

    kill_view: KillView
    routes: Mapping[str, str] = field(default_factory=dict[str, str])
    executors: Mapping[str, Executor] = field(default_factory=lambda: STEP_EXECUTORS)
    last_resorts: Mapping[str, LastResort] = field(default_factory=lambda: LAST_RESORTS)
    voice: RunVoice = field(default_factory=RunVoice)
    fallback_timeout_s: float = 300.0
    record_timeout_s: float = 60.0
    price_of: PriceOf = unknown_price
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
