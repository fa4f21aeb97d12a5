"""Which of our errors a Gemini API error is. Pure; codes and details as in google.rpc's error model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from actors.providers.errors import ProviderError, RefusedError, SpentError, TransientError, UnavailableError
from actors.providers.retry_after import duration_s

_KEY_REASONS = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED", "ACCESS_TOKEN_EXPIRED", "CREDENTIALS_MISSING"})


@dataclass(frozen=True, slots=True)
class ApiFault:
    """What the vendor said. `details` is the error's list of typed objects; `message` must be free of secrets."""

    status: int
    status_text: str
    message: str
    details: Sequence[Any]
    retry_after_s: float | None


def classify(fault: ApiFault, provider: str, key_hint: str) -> ProviderError:
    """The error to raise for `fault`."""
    wait = _wait(fault)
    if fault.status == 401 or _reasons(fault) & _KEY_REASONS or "api key not valid" in fault.message.lower():
        return UnavailableError("key_rejected", provider, f"the vendor rejects the API key. {key_hint}")
    match fault.status:
        case 402:
            return SpentError("credit_spent", provider, fault.message, wait)
        case 429 if _of_the_day(fault):
            return SpentError("quota_spent", provider, fault.message, wait)
        case 429:
            return TransientError("rate_limited", provider, fault.message, wait)
        case 408 | 499 | 504:
            return TransientError("timeout", provider, fault.message, wait)
        case 503:
            return TransientError("overloaded", provider, fault.message, wait)
        case 403:
            return RefusedError("forbidden", provider, fault.message)
        case 404:
            return RefusedError("not_found", provider, fault.message)
        case 413:
            return RefusedError("too_large", provider, fault.message)
        case status if 400 <= status < 500:
            return RefusedError("invalid_request", provider, fault.message)
        case _:
            return TransientError("server_error", provider, fault.message, wait)


def _objects(fault: ApiFault) -> list[Mapping[str, Any]]:
    return [cast("Mapping[str, Any]", item) for item in fault.details if isinstance(item, Mapping)]


def _reasons(fault: ApiFault) -> set[str]:
    return {str(item.get("reason")) for item in _objects(fault)}


def _of_the_day(fault: ApiFault) -> bool:
    """A used-up daily quota comes back only with the next day; one per minute is an ordinary rate limit."""
    for item in _objects(fault):
        violations = item.get("violations")
        if isinstance(violations, list) and any("PerDay" in str(each) for each in cast("list[Any]", violations)):
            return True
    return False


def _wait(fault: ApiFault) -> float | None:
    for item in _objects(fault):
        delay = item.get("retryDelay")
        if isinstance(delay, str):
            return duration_s(delay)
    return fault.retry_after_s
