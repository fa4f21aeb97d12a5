"""What stays of a run whose content is taken out: how it went and what it cost, no word of what was said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import JsonValue

_KEPT: Final = ("usage", "cost_usd", "provider", "model", "duration_s", "attempts", "success", "step", "code", "kind")
_LONGEST: Final = 200


def blanked_result(value: JsonValue) -> dict[str, JsonValue]:
    """What stays of a step's result, or of a run's outcome."""
    if not isinstance(value, Mapping):
        return {"blanked": True}
    facts = cast("Mapping[str, Any]", value)
    kept: dict[str, JsonValue] = {name: facts[name] for name in _KEPT if name in facts and _is_plain(facts[name])}
    error = facts.get("error")
    if isinstance(error, Mapping):
        code = str(cast("Mapping[str, Any]", error).get("code") or "error")
        kept["error"] = {"code": code, "message": "the message was taken out by the retention policy"}
    elif facts.get("code") is not None and "message" in facts:
        kept["message"] = "taken out by the retention policy"
    kept["blanked"] = True
    return kept


def blanked_meta(meta: Mapping[str, JsonValue], at: float) -> dict[str, JsonValue]:
    """A run's meta with the time (Unix seconds) when its content was taken out."""
    return {**meta, "blanked_at": at}


def _is_plain(value: Any) -> bool:
    """Numbers, short texts and maps of numbers: nothing that a model or a person wrote."""
    if isinstance(value, Mapping):
        return all(isinstance(each, int | float) or each is None for each in cast("Mapping[str, Any]", value).values())
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _LONGEST)
