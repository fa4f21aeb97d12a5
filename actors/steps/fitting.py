"""Holds a request to its model's window before it is sent: counted, and where it is too large refused, cut, summed up.

The rules are `pipelines.context`'s; here the window is looked up, the provider's counter asked, and summaries made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from actors.providers import ProviderError, Request, Usage, count_tokens, window_of
from actors.steps.errors import ContextOverflowError
from actors.steps.measuring import Measured, measure, with_texts
from actors.steps.overflow import overflow_told
from actors.steps.summarising import Summing
from pipelines.context import (
    ContextPart,
    Limits,
    Verdict,
    Window,
    allot,
    cut,
    estimate_tokens,
    exceeds,
    limits_of,
    marker_size,
    target,
    verdict,
)
from pipelines.language import ContextConfig

if TYPE_CHECKING:
    from decimal import Decimal

    from actors.steps.context import StepContext

_COUNT_TIMEOUT_S: Final = 15.0
_MOST_TRIES: Final = 3
_LEAST_SUMMARY: Final = 128
_DEFAULT: Final = ContextConfig()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request that may be sent, what its answer's metadata says about it, and what its summaries cost. `room`: tokens
    that are left for the history of a conversation, None without a limit."""

    request: Request
    facts: dict[str, JsonValue]
    usage: Usage
    cost_usd: Decimal | None
    room: int | None


async def fit(context: StepContext, provider: str, request: Request) -> Fitted:
    """The request as it may be sent.

    Raises `ContextOverflowError` before anything is asked when it is certainly too large and the step does not say what
    to leave out, or when not even that is enough; and what making summaries raises.
    """
    config: ContextConfig = getattr(context.step, "context", _DEFAULT)
    window = await _window(context, provider, request.model)
    limits = limits_of(window, config.max_input_tokens, request.max_tokens)
    fitting = _Fitting(context, provider, config, window, limits, Summing(context, provider, request, config))
    return await fitting.fit(request)


async def _window(context: StepContext, provider: str, model: str | None) -> Window:
    key = f"@context.window.{provider}.{model}"
    if key not in context.kept:
        context.kept[key] = await window_of(context.kernel, provider, model)
    return context.kept[key]


@dataclass(frozen=True, slots=True)
class _Count:
    """`exact` is the provider's; `failed` why there is none though it was wanted."""

    measured: Measured
    exact: int | None = None
    failed: str | None = None

    @property
    def tokens(self) -> int:
        return self.measured.total.likely if self.exact is None else self.exact


@dataclass(slots=True)
class _Fitting:
    """One request on its way to what may be sent."""

    context: StepContext
    provider: str
    config: ContextConfig
    window: Window
    limits: Limits
    summing: Summing
    shortened: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    async def fit(self, request: Request) -> Fitted:
        """See the function."""
        if any(each.max_tokens is not None for each in request.parts):
            request = await self._capped(request)
        before = count = await self._count(request, wanted=self.config.count == "provider")
        if self._is_too_large(count):
            if self.config.on_overflow == "fail":
                raise self._overflow(count, request)
            request, count = await self._brought_down(request, count)
        facts = self._facts(count)
        if count is not before:
            facts["tokens_before"] = before.tokens
        room = None
        if self.limits.tightest is not None:
            room = max(0, target(self.limits, exact=count.exact is not None) - count.tokens)
        return Fitted(request, facts, self.summing.usage, self.summing.cost_usd, room)

    async def _count(self, request: Request, *, wanted: bool) -> _Count:
        measured = measure(request)
        if not wanted and verdict(measured.total, self.limits) is not Verdict.UNSURE:
            return _Count(measured)
        asked = replace(request, timeout_s=min(request.timeout_s, _COUNT_TIMEOUT_S), caller=self.context.caller)
        try:
            return _Count(measured, await count_tokens(self.context.kernel, self.provider, asked))
        except ProviderError as error:
            # The estimate is there, and a counter that is down must not stop what may well fit.
            return _Count(measured, failed=f"{error.code}: {error.message}")

    def _is_too_large(self, count: _Count) -> bool:
        if count.exact is not None:
            return exceeds(count.exact, self.limits)
        found = verdict(count.measured.total, self.limits)
        if found is Verdict.UNSURE:
            # To refuse what might fit would be wrong; to shorten what might not is what the step asks for.
            return self.config.on_overflow != "fail" and exceeds(count.tokens, self.limits)
        return found is Verdict.TOO_LARGE

    async def _brought_down(self, whole: Request, first: _Count) -> tuple[Request, _Count]:
        """The request small enough, by the provider's counter where it has counted before."""
        most = target(self.limits, exact=first.exact is not None)
        scale = first.tokens / max(1, first.measured.total.likely)
        for _ in range(_MOST_TRIES):
            request = await self._shortened(whole, int(most / scale))
            if request is None:
                break
            count = await self._count(request, wanted=first.exact is not None)
            if first.exact is None:
                return request, replace(count, exact=None, failed=first.failed)
            if count.exact is None or count.exact <= most:
                return request, count
            scale *= 1.02 * count.exact / most
        raise self._overflow(first, whole)

    async def _shortened(self, whole: Request, room: int) -> Request | None:
        """The request in at most `room` estimated tokens; None when not even the marks of what is left out fit."""
        measured = measure(whole)
        sizes = [estimate_tokens(each.text) for each in measured.parts]
        priorities = [each.priority for each in measured.parts]
        marks = [marker_size(size) for size in sizes]
        left = room - measured.fixed.likely
        granted = None
        if self.config.on_overflow == "summarise":
            granted = allot(sizes, [max(mark, _LEAST_SUMMARY) for mark in marks], priorities, left)
        granted = granted or allot(sizes, marks, priorities, left)
        return None if granted is None else await self._with(whole, measured.parts, granted)

    async def _capped(self, request: Request) -> Request:
        """The request with the parts that have a `max_tokens` of their own held to it."""
        parts = measure(request).parts
        sizes = [estimate_tokens(each.text) for each in parts]
        most = [
            size if each.max_tokens is None else min(size, each.max_tokens)
            for size, each in zip(sizes, parts, strict=True)
        ]
        return await self._with(request, parts, most)

    async def _with(self, request: Request, parts: Sequence[ContextPart], granted: Sequence[int]) -> Request:
        made: list[ContextPart] = []
        for index, (part, most) in enumerate(zip(parts, granted, strict=True)):
            size = estimate_tokens(part.text)
            if size <= most:
                made.append(part)
                continue
            summed = self.config.on_overflow == "summarise" and most >= _LEAST_SUMMARY // 4
            if summed:
                text = await self.summing.summarise(part.text, most)
            else:
                text = cut(part.text, most, self.config.keep).text
            made.append(replace(part, text=text))
            how = "summarised" if summed else "cut"
            told: JsonValue = {"part": part.name, "how": how, "tokens": size, "kept": estimate_tokens(text)}
            self.shortened[f"{index}"] = told
        return with_texts(request, made)

    def _facts(self, count: _Count) -> dict[str, JsonValue]:
        facts: dict[str, JsonValue] = {
            "input_tokens": count.tokens,
            "counted_by": "estimate" if count.exact is None else "provider",
            "window": self.window.tokens,
            "limit": self.limits.tightest,
        }
        if count.exact is None:
            facts["bounds"] = [count.measured.total.least, count.measured.total.most]
        if count.failed is not None:
            facts["counter_failed"] = count.failed
        if self.shortened:
            facts["shortened"] = list(self.shortened.values())
        return facts

    def _overflow(self, count: _Count, request: Request) -> ContextOverflowError:
        return ContextOverflowError(overflow_told(count.measured, count.exact, self.limits, self.window, request))
