"""What a viewer sees of a run: how it stands, never what its inputs, prompts, answers or errors say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from starlette.requests import Request

from runtime.gateway.guard import peer_of
from runtime.gateway.wire import to_wire

WITHHELD = "withheld"
_EVENT_FACTS = (
    "type", "pipeline", "origin", "attempt", "delay_s", "duration_s", "strategy", "step_held",
)  # fmt: skip
_ERROR_FACTS = ("code", "step", "provider")


def shown(request: Request, value: object) -> Any:
    """A run, an event, an outcome, or a list of them, as this peer may see it; a plain value."""
    plain = to_wire(value)
    return plain if peer_of(request).sees_content else without_content(plain)


def without_content(value: Any) -> Any:
    """The same without content: only what is known to hold none stays."""
    if isinstance(value, list):
        return [without_content(item) for item in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    facts = dict(cast("Mapping[str, Any]", value))
    for key in ("results", "outputs"):
        if key in facts:
            facts[key] = {}
            facts["content"] = WITHHELD
    if facts.get("error") is not None:
        facts["error"] = _error(facts["error"])
    if "data" in facts:
        data = cast("Mapping[str, Any]", facts["data"] or {})
        kept = {key: data[key] for key in _EVENT_FACTS if key in data}
        facts["data"] = {**kept, "error": _error(data["error"])} if data.get("error") is not None else kept
    if "events" in facts:
        facts["events"] = without_content(facts["events"])
    return facts


def _error(error: Any) -> Any:
    if not isinstance(error, Mapping):
        return WITHHELD
    facts = cast("Mapping[str, Any]", error)
    return {**{key: facts[key] for key in _ERROR_FACTS if key in facts}, "message": WITHHELD}
