"""The breakers that are not closed, as text and back: what a node must know after a restart. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, cast

from pipelines.guardrails.breaker import BreakerState
from pipelines.guardrails.breaker_panel import BreakerPanel, KeptBreaker
from pipelines.guardrails.breaker_rules import BreakerError, parse_name

FORMAT_VERSION = 1


class BreakerStateError(Exception):
    """The saved state cannot be understood; the text says why."""

    code = "breaker_state"


def to_keep(panel: BreakerPanel) -> tuple[KeptBreaker, ...]:
    """Those worth keeping."""
    return tuple(
        KeptBreaker(each.name, each.breaker.state, each.since, each.who, each.why)
        for each in panel.entries
        if each.breaker.state is not BreakerState.CLOSED
    )


def serialise(kept: Iterable[KeptBreaker]) -> str:
    """The state as JSON text, to be read by `parse`."""
    listed = [
        {"name": str(each.name), "state": str(each.state), "since": each.since, "who": each.who, "why": each.why}
        for each in kept
    ]
    return json.dumps({"version": FORMAT_VERSION, "breakers": listed}, indent=2) + "\n"


def parse(text: str | bytes) -> tuple[KeptBreaker, ...]:
    """The saved state; raises `BreakerStateError` for anything that `serialise` would not have written."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BreakerStateError(f"not JSON: {error}") from error
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if fields.get("version") != FORMAT_VERSION:
        raise BreakerStateError(f"expected version {FORMAT_VERSION}, found {fields.get('version')!r}")
    listed = fields.get("breakers")
    if not isinstance(listed, list):
        raise BreakerStateError("'breakers' is not a list")
    return tuple(_kept(number, each) for number, each in enumerate(cast("list[Any]", listed)))


def _kept(number: int, entry: Any) -> KeptBreaker:
    match entry:
        case {
            "name": str(name),
            "state": str(state),
            "since": int() | float() as since,
            "who": str(who),
            "why": str(why),
        } if math.isfinite(since):
            try:
                return KeptBreaker(parse_name(name), BreakerState(state), float(since), who, why)
            except (BreakerError, ValueError) as error:
                raise BreakerStateError(f"breakers[{number}]: {error}") from error
        case _:
            raise BreakerStateError(f"breakers[{number}] lacks name, state, since, who or why")
