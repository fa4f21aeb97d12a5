"""Sums up a text that is too large: chunk by chunk, then the summaries, until it has the size that is wanted.

Every summary is in the journal before it is used: a retry or a restart asks only what is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from actors.providers import Answer, Request, Usage
from pipelines.context import chunks, cut, estimate_tokens
from pipelines.language import ContextConfig, render_text

if TYPE_CHECKING:
    from actors.steps.context import StepContext

_KEPT: Final = "@context."
_LOCKS: Final = "@context.locks"
_KNOWN: Final = "@context.summaries"
_AT_ONCE: Final = 4
_MOST_LEVELS: Final = 4
_LEAST_TOKENS: Final = 32
_PROMPT: Final = (
    "Summarise this extract of a longer text in at most {words} words. Keep names, numbers, decisions and whatever "
    "somebody may have to cite; add nothing."
)


@dataclass(slots=True)
class Summing:
    """Makes the summaries for one request and adds up their cost. A summary that another request of the same attempt
    has in its cost already costs nothing here."""

    context: StepContext
    provider: str
    request: Request
    config: ContextConfig
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal | None = None

    async def summarise(self, text: str, most: int) -> str:
        """`text` in at most `most` tokens. What is still too large after four rounds, or gets no smaller, is cut.

        Raises `ProviderError`, `SwitchedOffError` and `TemplateError`.
        """
        for _ in range(_MOST_LEVELS):
            before = estimate_tokens(text)
            if before <= most:
                return text
            text = "\n".join(await self._summaries(text, most))
            if estimate_tokens(text) >= before:
                break
        return cut(text, most, self.config.keep).text

    async def _summaries(self, text: str, most: int) -> list[str]:
        by = self.config.summarise_with
        pieces = chunks(text, by.chunk_tokens)
        tokens = max(_LEAST_TOKENS, min(by.max_tokens, most // len(pieces)))
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(piece: str) -> str:
            async with places:
                return await self._summary(*self._question(piece, tokens))

        # A group, so that a cancelled step leaves no call behind.
        try:
            async with asyncio.TaskGroup() as group:
                made = [group.create_task(one(piece)) for piece in pieces]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        return [task.result() for task in made]

    async def _summary(self, provider: str, request: Request) -> str:
        context = self.context
        told = "\0".join((provider, request.model or "", request.system or "", request.prompt))
        name = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        locks: dict[str, asyncio.Lock] = context.kept.setdefault(_LOCKS, {})
        # Tasks of one step may need the same summary at the same time; it is paid for once.
        async with locks.setdefault(name, asyncio.Lock()):
            known = await self._known()
            if name not in known:
                answer = await context.ask_plainly(provider, request, f"context:{name}")
                # Wrapped, so that what it cost is counted with the step and not beside it.
                kept = await context.record(f"{_KEPT}{name}", {"summary": _facts(answer)})
                known[name] = _summary_in(kept) or _facts(answer)
            made = known[name]
            if name not in context.counted:
                context.counted |= {name}
                self._add(made)
            return str(made["text"])

    async def _known(self) -> dict[str, dict[str, JsonValue]]:
        """The summaries that the journal has; read once for each life of the StepActor."""
        kept = self.context.kept
        if _KNOWN not in kept:
            recalled = await self.context.recall()
            found = {
                part.removeprefix(_KEPT): made
                for part, value in recalled.items()
                if part.startswith(_KEPT) and (made := _summary_in(value)) is not None
            }
            kept.setdefault(_KNOWN, found)
        return kept[_KNOWN]

    def _add(self, made: Mapping[str, JsonValue]) -> None:
        spent, cost = made.get("usage"), made.get("cost_usd")
        if isinstance(spent, list):
            self.usage += Usage(*(each for each in spent if isinstance(each, int)))
        if isinstance(cost, str):
            self.cost_usd = (self.cost_usd or Decimal(0)) + Decimal(cost)

    def _question(self, piece: str, tokens: int) -> tuple[str, Request]:
        by, context = self.config.summarise_with, self.context
        routed = context.routes.get(by.type) if by.type is not None else None
        provider = by.provider or routed or self.provider
        words = max(20, tokens * 3 // 4)
        told = _PROMPT.format(words=words) if by.prompt is None else render_text(by.prompt, context.scope)
        request = Request(
            prompt=f"{told}\n\n{piece}",
            system=None if by.system is None else render_text(by.system, context.scope),
            model=by.model or (self.request.model if provider == self.provider else None),
            max_tokens=max(by.max_tokens, 2 * tokens),
            timeout_s=self.request.timeout_s,
            metadata={"task": "summary"},
        )
        return provider, request


def _facts(answer: Answer) -> dict[str, JsonValue]:
    return {
        "text": answer.text,
        "usage": [answer.usage.input_tokens, answer.usage.output_tokens],
        "cost_usd": None if answer.cost_usd is None else str(answer.cost_usd),
        "model": answer.model,
    }


def _summary_in(kept: JsonValue) -> dict[str, JsonValue] | None:
    made = kept.get("summary") if isinstance(kept, Mapping) else None
    return dict(made) if isinstance(made, Mapping) else None
