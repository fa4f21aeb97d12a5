"""What a call that has ended says to the breakers of its provider and model. Pure.

The vendor's faults count: overload, errors of its servers, timeouts, connections that cannot be made or break. What
is no fault of the vendor does not: a mistake in the request, a refusal, a missing key or a spent account, a cancelled
call, and a rate limit, which has its own remedy (the pause).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from actors.providers.errors import ProviderError
from pipelines.guardrails.breaker import Verdict
from pipelines.guardrails.breaker_rules import BreakerKind

FAULTS: Final = frozenset(
    {"connection_lost", "malformed_answer", "overloaded", "server_error", "timeout", "unreachable"}
)
"""Codes of a `TransientError` that are the vendor's fault."""
MISFITS: Final = frozenset({"malformed_data", "schema_mismatch"})
"""Codes of an answer that came, but not as it was asked for."""

ANSWERED: Final[Mapping[BreakerKind, Verdict]] = {
    BreakerKind.PROVIDER: Verdict.GOOD,
    BreakerKind.PERFORMANCE: Verdict.GOOD,
}
FAILED: Final[Mapping[BreakerKind, Verdict]] = {BreakerKind.PROVIDER: Verdict.BAD}
TIMED_OUT: Final[Mapping[BreakerKind, Verdict]] = {
    BreakerKind.PROVIDER: Verdict.BAD,
    BreakerKind.PERFORMANCE: Verdict.GOOD,  # it was slow, and that is what the duration says
}
NO_WORD: Final[Mapping[BreakerKind, Verdict]] = {}


def verdicts_of(error: ProviderError) -> Mapping[BreakerKind, Verdict]:
    """What a provider's own error says."""
    if error.code in MISFITS:
        return ANSWERED
    if error.code == "timeout":
        return TIMED_OUT
    return FAILED if error.code in FAULTS else NO_WORD
