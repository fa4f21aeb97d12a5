"""What the emergent fallback ("fallback") takes and replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from pipelines.guardrails import NOBODY, Subject
from pipelines.language import BaseStep, Scope


@dataclass(frozen=True, slots=True)
class FindAnotherWay:
    """Asks for another way to a step's result, once its own retries are used up -> `Recovered` or `GaveUp`.

    `step` is as defined (not rendered), `scope` what its templates may see. `error` has `code` and `message`, and
    `provider` and `kind` where they are known. `provider_routes` are the failed run's. `deadline_s` bounds the
    whole search; None takes the actor's own. Call it with a timeout a little above that. `ancestors` names the
    pipelines from the run's own inwards where the step is in a nested one. `payer` is the run and the path of its step
    whose limits what is tried counts against, None without limits; `subject` is what kill switches know the step by.
    """

    run_id: str
    pipeline_name: str
    step: BaseStep
    scope: Scope
    error: Mapping[str, JsonValue]
    workspace: str
    provider_routes: Mapping[str, str] = field(default_factory=dict[str, str])
    deadline_s: float | None = None
    ancestors: tuple[str, ...] = ()
    payer: tuple[str, str] | None = None
    subject: Subject = NOBODY

    @property
    def pipelines(self) -> tuple[str, ...]:
        """Whose kill switches hold for everything that is done for the step."""
        return self.ancestors or (self.pipeline_name,)


@dataclass(frozen=True, slots=True)
class Tried:
    """One alternative: why it did not fit, or None for the one that did. One that was not run, because it did not fit
    the budget, has no run id."""

    strategy: str
    detail: str
    run_id: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """A result that fits the step's contract. It says in its key `recovery` where it came from."""

    result: dict[str, JsonValue]
    strategy: str
    tried: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class GaveUp:
    """No alternative fitted; `reason` is one sentence for people."""

    tried: tuple[Tried, ...]
    reason: str
