"""What Anthropic's rate limit headers say: https://docs.anthropic.com/en/api/rate-limits#response-headers. Pure.

`anthropic-ratelimit-requests-*` and `-tokens-*` come with `limit`, `remaining` and `reset` (RFC 3339: when all of it is
there again). The tokens are those of the limit that binds most at the moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pipelines.guardrails.rate_limits import Allowance, VendorLimits

_PREFIX = "anthropic-ratelimit"
_LONGEST_S = 24 * 3600.0


def told_limits(headers: Mapping[str, str], wall: float) -> VendorLimits | None:
    """What is left, None when nothing is said. `headers` ignore case or are in lower case, `wall` is Unix time now."""
    told = VendorLimits(_allowance(headers, "requests", wall), _allowance(headers, "tokens", wall))
    return None if told.requests is None and told.tokens is None else told


def _allowance(headers: Mapping[str, str], what: str, wall: float) -> Allowance | None:
    limit, remaining = (_whole(headers.get(f"{_PREFIX}-{what}-{name}")) for name in ("limit", "remaining"))
    if limit is None or remaining is None or limit < 1:
        return None
    return Allowance(limit, remaining, _seconds_until(headers.get(f"{_PREFIX}-{what}-reset"), wall))


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 15 else None


def _seconds_until(text: str | None, wall: float) -> float:
    """0 where nothing usable is said: what is refilled is then guessed from the limit."""
    if text is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        return 0.0
    return min(max(0.0, moment.timestamp() - wall), _LONGEST_S)
