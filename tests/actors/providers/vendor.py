"""The two vendors side by side, for tests that hold for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from actors.providers import PROVIDERS, Provider, ProviderOptions


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's provider and its own words."""

    name: str
    cut_stop: str
    held_stop: str
    stream_fault: str

    def make(self, url: str | None, key: str | None = "test-key", **options: Any) -> Provider:
        """A provider that talks to `url`."""
        secret = None if key is None else SecretStr(key)
        return PROVIDERS[self.name].make(ProviderOptions(api_key=secret, base_url=url, **options))


VENDORS = (
    Vendor("anthropic", "max_tokens", "refusal", "overloaded_error"),
    Vendor("gemini", "MAX_TOKENS", "SAFETY", "UNAVAILABLE"),
)
