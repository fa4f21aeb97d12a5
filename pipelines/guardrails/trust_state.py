"""What was learned and which thresholds hold, as text and back. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from pipelines.guardrails.trust import MOST_REFUSED, TrustError, TrustRecord, TrustRule, check_rule

FORMAT_VERSION = 1


class TrustStateError(Exception):
    """The saved state cannot be understood; the text says why."""

    code = "trust_state"


@dataclass(frozen=True, slots=True)
class TrustState:
    """Records by pattern, rules by target."""

    records: Mapping[str, TrustRecord] = field(default_factory=dict[str, TrustRecord])
    rules: Mapping[str, TrustRule] = field(default_factory=dict[str, TrustRule])


def serialise(state: TrustState) -> str:
    """The state as JSON text, to be read by `parse`."""
    patterns = [{"pattern": name, **asdict(record)} for name, record in state.records.items()]
    rules = [asdict(rule) for rule in state.rules.values()]
    return json.dumps({"version": FORMAT_VERSION, "rules": rules, "patterns": patterns}, indent=1) + "\n"


def parse(text: str | bytes) -> TrustState:
    """The saved state; raises `TrustStateError` for anything that `serialise` would not have written."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TrustStateError(f"not JSON: {error}") from error
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    if fields.get("version") != FORMAT_VERSION:
        raise TrustStateError(f"expected version {FORMAT_VERSION}, found {fields.get('version')!r}")
    rules = [_rule(number, each) for number, each in enumerate(_list(fields, "rules"))]
    records = dict(_record(number, each) for number, each in enumerate(_list(fields, "patterns")))
    return TrustState(records, {each.target: each for each in rules})


def _times(number: int, listed: list[Any]) -> list[float]:
    if not all(isinstance(at, int | float) and math.isfinite(at) for at in listed):
        raise TrustStateError(f"patterns[{number}] has a time that is none")
    return [float(at) for at in listed]


def _list(fields: dict[str, Any], name: str, default: list[Any] | None = None) -> list[Any]:
    listed: Any = fields.get(name, default)
    if not isinstance(listed, list):
        raise TrustStateError(f"'{name}' is not a list")
    return cast("list[Any]", listed)


def _rule(number: int, entry: Any) -> TrustRule:
    match entry:
        case {
            "target": str(target),
            "threshold": float(threshold),
            "reason": str(reason),
            "who": str(who),
            "at": int() | float() as at,
        } if math.isfinite(at):
            try:
                check_rule(target, threshold)
            except TrustError as error:
                raise TrustStateError(f"rules[{number}]: {error}") from error
            return TrustRule(target, threshold, reason, who, float(at))
        case _:
            raise TrustStateError(f"rules[{number}] lacks target, threshold, reason, who or at")


def _record(number: int, entry: Any) -> tuple[str, TrustRecord]:
    match entry:
        case {
            "pattern": str(pattern),
            "approvals": int(approvals),
            "rejections": int(rejections),
            "streak": int(streak),
            "last_at": int() | float() as last_at,
        } if 0 <= streak <= approvals and rejections >= 0 and math.isfinite(last_at):
            # What was written before these were kept counts whatever was answered until then.
            facts = cast("dict[str, Any]", entry)
            since, *refused_at = _times(number, [facts.get("since", last_at), *_list(facts, "refused_at", [])])
            kept = tuple(refused_at[-MOST_REFUSED:])
            return pattern, TrustRecord(approvals, rejections, streak, float(last_at), since, kept)
        case _:
            raise TrustStateError(f"patterns[{number}] lacks pattern, approvals, rejections, streak or last_at")
