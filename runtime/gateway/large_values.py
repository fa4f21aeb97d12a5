"""Answers with large values: a reference where the value would stand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pydantic import JsonValue
from starlette.responses import Response

from actors.journal import LostResult, excerpt_of, is_heavy
from actors.runs import RunOutcome
from runtime.gateway.wire import WireResponse, encode, to_wire

REFERENCE: Final = "large_value"


async def outcome_answer(outcome: RunOutcome, large_bytes: int, answer_bytes: int) -> Response:
    """The answer for a run that has ended. Results longer than `large_bytes` are references in it; so are its largest
    outputs as far as they go beyond `answer_bytes` together."""
    values: list[JsonValue] = [*outcome.results.values(), outcome.outputs]
    if not any(isinstance(each, LostResult) or is_heavy(each, large_bytes) for each in values):
        return WireResponse(outcome)
    # Megabytes of JSON take tens of milliseconds: not on the loop.
    return await asyncio.to_thread(lambda: WireResponse(_with_references(outcome, large_bytes, answer_bytes)))


def _with_references(outcome: RunOutcome, large_bytes: int, answer_bytes: int) -> dict[str, Any]:
    path = f"/v1/runs/{quote(outcome.run_id, safe='')}"
    shown: dict[str, Any] = {
        name: to_wire(getattr(outcome, name))
        for name in ("run_id", "status", "error", "usage", "cost_usd", "duration_s", "review")
    }
    shown["results"] = {
        step: reference(value, f"{path}/results/{quote(step, safe='')}", large_bytes)
        for step, value in outcome.results.items()
    }
    shown["outputs"] = _bounded(outcome.outputs, f"{path}/outputs", answer_bytes)
    return shown


def _bounded(outputs: Mapping[str, JsonValue], fetch: str, answer_bytes: int) -> Any:
    """The outputs, the largest of them by reference until the rest is within the limit."""
    if isinstance(outputs, LostResult):
        return {REFERENCE: {"problem": str(outputs.error)}}
    sizes = {name: len(encode(value)) for name, value in outputs.items()}
    room = answer_bytes - sum(sizes.values())
    shown = dict(outputs)
    for name in sorted(sizes, key=lambda each: -sizes[each]):
        if room >= 0:
            break
        shown[name] = reference(outputs[name], fetch, 0)
        room += sizes[name]
    return shown


def reference(value: JsonValue, fetch: str, large_bytes: int) -> JsonValue:
    """`value`, or what stands for it when its JSON is longer than `large_bytes` or it is lost."""
    if isinstance(value, LostResult):
        return {REFERENCE: {"problem": str(value.error), "fetch": fetch}}
    text = encode(value)
    if len(text) <= large_bytes:
        return value
    facts: JsonValue = {
        "bytes": len(text),
        "sha256": hashlib.sha256(text.encode("ascii")).hexdigest(),
        "excerpt": excerpt_of(value),
        "fetch": fetch,
    }
    return {REFERENCE: facts}
