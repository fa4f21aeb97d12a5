"""The emergent fallback: when a step has used up its retries, other pipelines are generated, run, and the first that
fits takes the place of the step's result.

Each alternative is a run of its own with its own RunSupervisor, so that whatever it breaks, it breaks there. This actor
only decides and waits; many searches go on side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from actors.kernel import Actor, KernelError
from actors.killswitch import KillView
from actors.memory import Recall, Remember
from actors.recovery.attempt import attempt
from actors.recovery.budget import CallBudget
from actors.recovery.messages import FindAnotherWay, GaveUp, Recovered, Tried
from actors.recovery.quoting import with_files
from actors.steps.errors import StepError
from pipelines.guardrails.kill_switch import Switch
from pipelines.language import BaseStep, TemplateError
from pipelines.recovery import Alternative, Failure, Learned, alternatives, rendered

MEMORY_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class ExperienceUnavailable:
    """Event: the memory did not answer, so that the order is the first guess or what helped was not kept."""

    reason: str


class EmergentFallbackActor(Actor):
    """Answers `FindAnotherWay` with `Recovered` or `GaveUp`; it never fails the caller.

    `providers` names the providers that are configured, or is asked each time. One search runs at most `max_attempts`
    alternatives within `deadline_s`; each gets an equal share of the time that is left. An alternative that could make
    more vendor calls than are left of `budget_calls` (of the search) or `run_budget_calls` (of all searches of its
    run) is passed over. More than `max_searches` at once are given up at once. When this actor or its caller ends, the
    alternative in flight is cancelled. After a restart nothing is resumed: the step asks again.
    """

    def __init__(
        self,
        providers: Collection[str] | Callable[[], Collection[str]],
        *,
        kill_view: KillView | None = None,
        max_attempts: int = 6,
        deadline_s: float = 180.0,
        max_searches: int = 256,
        budget_calls: int = 200,
        run_budget_calls: int = 2_000,
    ) -> None:
        super().__init__()
        self._providers = providers
        self._kill_view = kill_view
        self._max_attempts = max_attempts
        self._deadline_s = deadline_s
        self._max_searches = max_searches
        self._budget_calls = budget_calls
        self._run_budget = CallBudget(run_budget_calls)
        self._searches = 0

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, FindAnotherWay):
            if self._searches >= self._max_searches:
                return GaveUp((), f"{self._searches} other steps are being recovered already")
            return self.defer(self._search(message))
        return super().on_receive(message)

    async def _search(self, wanted: FindAnotherWay) -> Recovered | GaveUp:
        self._searches += 1
        try:
            return await self._find(wanted)
        finally:
            self._searches -= 1

    async def _find(self, wanted: FindAnotherWay) -> Recovered | GaveUp:
        failure = Failure.from_error(wanted.error)
        if failure.is_final:
            return GaveUp((), f"'{failure.code}' must stand: no other way is looked for")
        try:
            step = rendered(wanted.step, await with_files(wanted))
        except (TemplateError, StepError, OSError) as error:
            return GaveUp((), f"the step's texts cannot be rendered: {error}")
        learned = await self._recall(_type_of(step), failure)
        ways = alternatives(step, failure, self._usable_providers(), learned)[: self._max_attempts]
        if not ways:
            return GaveUp((), f"there is no other way to the result of a {_type_of(step)} step")
        return await self._try_in_order(wanted, step, failure, ways)

    async def _try_in_order(
        self, wanted: FindAnotherWay, step: BaseStep, failure: Failure, ways: tuple[Alternative, ...]
    ) -> Recovered | GaveUp:
        now = self.kernel.clock.now
        deadline = now() + (self._deadline_s if wanted.deadline_s is None else wanted.deadline_s)
        tried: list[Tried] = []
        budget = CallBudget(self._budget_calls)
        for index, way in enumerate(ways):
            blocked = self._blocked(wanted)
            if blocked:
                return GaveUp(tuple(tried), str(blocked))
            left = min(each.left(wanted.run_id) for each in (budget, self._run_budget))
            if way.most_calls > left:
                reason = f"it could make {way.most_calls} vendor calls, and {left} are left of the budget"
                tried.append(Tried(way.strategy, way.detail, "", reason))
                continue
            left_s = deadline - now()
            if left_s <= 0:
                return GaveUp(tuple(tried), "the time for other ways is used up")
            for each in (budget, self._run_budget):
                each.take(wanted.run_id, way.most_calls)
            result, entry = await attempt(self.kernel, wanted, step, way, left_s / (len(ways) - index))
            tried.append(entry)
            self._remember(_type_of(step), failure, way, fitted=result is not None)
            if result is not None:
                return Recovered(_signed(result, entry, wanted), way.strategy, tuple(tried))
        return GaveUp(tuple(tried), f"none of {len(tried)} other ways gave a result that fits")

    def _blocked(self, wanted: FindAnotherWay) -> Switch | None:
        if self._kill_view is None:
            return None
        found = (self._kill_view.blocked(name, None, wanted.subject) for name in wanted.pipelines)
        return next((switch for switch in found if switch is not None), None)

    # ---- what is known ------------------------------------------------------------------------------------

    def _usable_providers(self) -> tuple[str, ...]:
        known = self._providers() if callable(self._providers) else self._providers
        view = self._kill_view
        return tuple(each for each in known if view is None or view.blocked(provider=each) is None)

    async def _recall(self, step_type: str, failure: Failure) -> Learned:
        try:
            return await self.kernel.ref("memory").call(Recall(step_type, failure.code), timeout_s=MEMORY_TIMEOUT_S)
        except KernelError as error:
            self.kernel.events.publish(ExperienceUnavailable(str(error)))
            return {}

    def _remember(self, step_type: str, failure: Failure, way: Alternative, *, fitted: bool) -> None:
        try:
            self.kernel.ref("memory").tell(Remember(step_type, failure.code, way.strategy, fitted))
        except KernelError as error:
            self.kernel.events.publish(ExperienceUnavailable(str(error)))


def _type_of(step: BaseStep) -> str:
    return str(getattr(step, "type", "step"))


def _signed(result: dict[str, JsonValue], entry: Tried, wanted: FindAnotherWay) -> dict[str, JsonValue]:
    origin = result.get("recovery")
    known = origin if isinstance(origin, dict) else {}
    return {**result, "recovery": {**known, "run_id": entry.run_id, "error": dict(wanted.error)}}
