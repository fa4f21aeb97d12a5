"""What can go wrong with a provider, split by what the caller should do.

    ProviderError
    ├─ TransientError      try again (not before `retry_after_s`): overload, rate limit, timeout, cut connection
    ├─ RefusedError        do not try again with this request: invalid, forbidden, blocked, truncated
    ├─ SpentError          stop: the money or the quota of the period is used up
    └─ UnavailableError    this provider cannot be used as configured: no key, rejected key

A provider error never carries the SDK's exception (no `__cause__`, no `__context__`): that one holds the request and
with it the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from actors.providers.protocol import Billed
    from pipelines.guardrails.rate_limits import VendorLimits


class ProviderError(Exception):
    """Base. `code` is stable (snake case), `message` is for people and free of secrets."""

    error_class: ClassVar[str] = "refused"
    limits: VendorLimits | None = None
    """What the vendor said with it about what is left."""
    billed: Billed | None = None
    """What an answer cost that came and cannot be used: refused by the model, cut off, not of its schema."""

    def __init__(self, code: str, provider: str, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(code, provider, message, retry_after_s)
        self.code = code
        self.provider = provider
        self.message = message
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        later = "" if self.retry_after_s is None else f" (retry after {self.retry_after_s:g} s)"
        return f"{self.provider}: {self.code}: {self.message}{later}"


class TransientError(ProviderError):
    """The same request may succeed later; `retry_after_s` is the vendor's own wish, None when it gave none."""

    error_class = "transient"


class RefusedError(ProviderError):
    """The same request will fail again."""

    error_class = "refused"


class SpentError(ProviderError):
    """Credit, spend cap or quota of the period is used up; `retry_after_s` may say when the period ends."""

    error_class = "spent"


class UnavailableError(ProviderError):
    """The provider cannot be used until somebody changes the configuration; the message says what to change."""

    error_class = "unavailable"
