"""What limits, turns and circuit breakers cost a provider call that nothing limits.

    call_us      asking for a place and the breakers of provider and model, recording the answer, giving the place back
    pipeline_us  the breakers of the pipeline around it
    queued_us    a call that has to wait: into the fair queue of 10,000 runs and out of it again

Processor time, so that what else the machine does is not in it. The least of several rounds.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

from actors.providers import Request
from actors.providers.admission import Admission
from actors.providers.rota import Rota
from actors.providers.verdicts import ANSWERED
from bench.figures import Scale
from pipelines.guardrails.breaker import Verdict
from pipelines.guardrails.breaker_panel import BreakerOpen, BreakerPanel
from pipelines.guardrails.breaker_rules import BreakerKind
from pipelines.guardrails.fair_queue import FairQueue
from pipelines.guardrails.rate_limits import ProviderLimits, RateLimits
from runtime.settings import load_settings

CALLS = 100_000
RUNS = 10_000
ROUNDS = 5


def measure(scale: Scale) -> dict[str, Any]:
    """All three figures, in microseconds."""
    calls, rounds = scale.count(CALLS), scale.rounds(ROUNDS)
    panel = BreakerPanel(load_settings(environ={"HOME": "/nowhere"}).breakers.rules(), lambda _: None, lambda: 0.0)
    return {
        "call_us": _least(rounds, calls, _call(panel)),
        "pipeline_us": _least(rounds, calls, _pipeline(panel)),
        "queued_us": _least(rounds, scale.count(RUNS), _queued()),
    }


def _call(panel: BreakerPanel) -> Callable[[int], None]:
    request = Request("hello")
    admission = Admission(Rota(["one", "two"], 256), RateLimits(ProviderLimits()))

    def call(number: int) -> None:
        now = number * 0.001
        place = admission.at_once(request, "model", now, lambda _: True)
        permits = panel.admit_call("vendor", "model", now)
        assert place is not None
        assert not isinstance(permits, BreakerOpen)
        panel.record(permits, ANSWERED, now, 0.1)
        admission.end(place, 0.0, now)

    return call


def _pipeline(panel: BreakerPanel) -> Callable[[int], None]:
    good = {BreakerKind.QUALITY: Verdict.GOOD}

    def call(number: int) -> None:
        now = number * 0.001
        permits = panel.admit_pipeline("pipeline", now)
        assert not isinstance(permits, BreakerOpen)
        panel.record(permits, good, now)

    return call


def _queued() -> Callable[[int], None]:
    queue: FairQueue[int] = FairQueue(3)
    for number in range(RUNS):
        queue.push(("tenant", "model", number), number)

    def call(number: int) -> None:
        queue.push(("tenant", "model", f"late {number}"), number)
        queue.pop()

    return call


def _least(rounds: int, calls: int, one: Callable[[int], None]) -> float:
    least = math.inf
    for _ in range(rounds):
        began = time.process_time()
        for number in range(calls):
            one(number)
        least = min(least, (time.process_time() - began) / calls * 1e6)
    return round(least, 2)


if __name__ == "__main__":
    print(json.dumps(measure(Scale()), indent=2))
