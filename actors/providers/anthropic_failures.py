"""Which of our errors an Anthropic API error is. Pure; the table follows the vendor's published error list.

The error's type decides before the HTTP status does: an error event in the middle of a stream comes under status 200.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.providers.errors import ProviderError, RefusedError, SpentError, TransientError, UnavailableError

_BY_STATUS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TRANSIENT = {
    "rate_limit_error": "rate_limited",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
    "conflict_error": "conflict",
    "api_error": "server_error",
}
_REFUSED = {
    "invalid_request_error": "invalid_request",
    "permission_error": "forbidden",
    "not_found_error": "not_found",
    "request_too_large": "too_large",
}
# An exhausted balance and a reached spend limit come as plain 400s; only their wording tells.
_SPENT_WORDS = ("credit balance is too low", "reached your specified api usage limits", "spend limit")


@dataclass(frozen=True, slots=True)
class ApiFault:
    """What the vendor said. `message` must be free of secrets."""

    status: int
    type: str | None
    error_code: str | None
    message: str
    retry_after_s: float | None


def classify(fault: ApiFault, provider: str, key_hint: str) -> ProviderError:
    """The error to raise for `fault`."""
    kind = fault.type or _BY_STATUS.get(fault.status) or _by_range(fault.status)
    wait = fault.retry_after_s
    if kind == "billing_error" or fault.error_code == "enforced_spend_limit_reached" or _says_spent(fault, kind):
        return SpentError("credit_spent", provider, fault.message, wait)
    if kind == "authentication_error":
        return UnavailableError("key_rejected", provider, f"the vendor rejects the API key. {key_hint}")
    if kind in _TRANSIENT:
        return TransientError(_TRANSIENT[kind], provider, fault.message, wait)
    if kind in _REFUSED:
        return RefusedError(_REFUSED[kind], provider, fault.message)
    return classify(ApiFault(fault.status, _by_range(fault.status), None, fault.message, wait), provider, key_hint)


def _says_spent(fault: ApiFault, kind: str) -> bool:
    return kind == "invalid_request_error" and any(words in fault.message.lower() for words in _SPENT_WORDS)


def _by_range(status: int) -> str:
    return "invalid_request_error" if 400 <= status < 500 else "api_error"
