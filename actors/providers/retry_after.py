"""How long a vendor asks us to wait."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

# A longer wish is a mistake or an attack; the caller's own policy decides then.
_LONGEST_S = 24 * 3600.0


def retry_after_s(headers: Mapping[str, str], wall: float) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or HTTP date, RFC 9110 §10.2.3); None when absent or odd.

    `headers` must be case-insensitive or lower case; `wall` is the unix time now.
    """
    in_ms = headers.get("retry-after-ms")
    if in_ms is not None:
        return _sane(in_ms, 0.001)
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _sane(value, 1.0)
    return _until(value, wall) if seconds is None else seconds


def duration_s(value: str) -> float | None:
    """A protobuf duration such as "17s" or "1.5s" in seconds; None for anything else."""
    return _sane(value[:-1], 1.0) if value.endswith("s") else None


def _sane(text: str, unit: float) -> float | None:
    try:
        seconds = float(text) * unit
    except ValueError:
        return None
    return min(seconds, _LONGEST_S) if seconds >= 0 else None


def _until(text: str, wall: float) -> float | None:
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
    return min(max(0.0, moment - wall), _LONGEST_S)
