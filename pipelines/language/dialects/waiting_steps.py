"""How people write steps that wait: `wait` with a question is an approval, `for: 5m` is `for_s: 300`."""

from __future__ import annotations

import re
from typing import Final

from pydantic import JsonValue

JsonMap = dict[str, JsonValue]

_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*")
_UNITS: Final = {
    **dict.fromkeys(("ms", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
_APPROVAL: Final = frozenset({"approval", "person", "human", "answer"})
_OF_APPROVAL: Final = (
    "choices", "fields", "preview", "on_reject", "on_expiry", "expires_in_s", "approvals_needed", "not_by_submitter",
    "always_ask",
)  # fmt: skip


def read_waiting(step: JsonMap) -> None:
    """Puts the short forms of an `approval` or `wait` step into their canonical keys, in place."""
    if step.get("type") == "wait" and _asks_a_person(step):
        step["type"] = "approval"
        if step.get("for") in _APPROVAL:
            del step["for"]
    if step.get("type") == "wait":
        _read_time(step)
        return
    for short, key in (("prompt", "message"), ("expires_in", "expires_in_s")):
        if short in step and key not in step:
            step[key] = step.pop(short)
    if "expires_in_s" in step:
        step["expires_in_s"] = seconds_of(step["expires_in_s"])


def seconds_of(written: JsonValue) -> JsonValue:
    """`5m`, `90 s`, `1.5h` or `2 days` as seconds; anything else as it is."""
    found = _DURATION.fullmatch(written) if isinstance(written, str) else None
    unit = None if found is None else _UNITS.get(found[2].lower())
    return written if found is None or unit is None else float(found[1]) * unit


def _asks_a_person(step: JsonMap) -> bool:
    if step.get("for") in _APPROVAL or any(key in step for key in _OF_APPROVAL):
        return True
    return "message" in step and not any(key in step for key in ("for", "for_s", "until", "seconds", "duration"))


def _read_time(step: JsonMap) -> None:
    for short in ("for", "seconds", "duration"):
        if short in step and "for_s" not in step and "until" not in step:
            step["for_s"] = step.pop(short)
    if "for_s" in step:
        step["for_s"] = seconds_of(step["for_s"])
