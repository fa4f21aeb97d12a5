"""What a question that is too large is told with: sizes, limits, and what to do."""

from __future__ import annotations

from typing import Final

from actors.providers import Request
from actors.steps.measuring import Measured
from pipelines.context import Limits, Window, estimate_tokens

_MOST_PARTS: Final = 8


def overflow_told(measured: Measured, exact: int | None, limits: Limits, window: Window, request: Request) -> str:
    """The message of a `ContextOverflowError`. `exact` is the provider's count, None where there is none."""
    total = measured.total
    if exact is None:
        counted = f"about {total.likely:,} input tokens (between {total.least:,} and {total.most:,} by the estimate)"
    else:
        counted = f"{exact:,} input tokens by the provider's count"
    facts = [f"the question has {counted}"]
    if limits.asked is not None:
        facts.append(f"max_input_tokens is {limits.asked:,}")
    if window.tokens is not None:
        answer = f" with {request.max_tokens:,} for the answer" if window.holds_answer else ""
        facts.append(f"'{window.model}' holds {window.tokens:,}{answer}")
    largest = sorted(measured.parts, key=lambda each: estimate_tokens(each.text), reverse=True)
    parts = [f"{each.name} {estimate_tokens(each.text):,}" for each in largest[:_MOST_PARTS]]
    if len(largest) > _MOST_PARTS:
        parts.append(f"{len(largest) - _MOST_PARTS} smaller ones")
    fixed = f"system text, history, schema and functions {measured.fixed.likely:,}"
    return (
        f"{', '.join(facts)}. Its parts: {', '.join(parts)}; {fixed}. Pass an extract (steps.x.result.field) in place "
        "of the whole, name a model that holds more, or write `context: {on_overflow: truncate}` (or `summarise`)"
    )
