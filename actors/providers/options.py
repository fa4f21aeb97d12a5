"""How one provider is configured: made by the runtime from its settings, handed to the provider's constructor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr

from actors.providers.errors import UnavailableError
from actors.providers.prices import PriceList

# Long enough for any vendor's key, short enough that a whole file named by mistake is noticed.
_LONGEST_KEY = 4096


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """`timeout_s` caps every request's own. `key_hint` tells a person where a key is looked for, e.g.
    "set ANTHROPIC_API_KEY". `latency_s` is for the offline provider. `wall` gives unix seconds (prices are dated).
    """

    api_key: SecretStr | None = None
    base_url: str | None = None
    model: str | None = None
    timeout_s: float = 120.0
    latency_s: float = 0.0
    key_hint: str | None = None
    prices: PriceList = field(default_factory=PriceList)
    wall: Callable[[], float] = time.time


def usable_key(options: ProviderOptions, provider: str, hint: str) -> str:
    """The key as the vendor wants it.

    Raises `UnavailableError` "no_key" or "bad_key"; the text says what to do and never shows any part of the key.
    """
    hint = options.key_hint or hint
    key = "" if options.api_key is None else options.api_key.get_secret_value().strip()
    if not key:
        raise UnavailableError("no_key", provider, f"there is no API key. {hint}")
    if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise UnavailableError(
            "bad_key", provider, f"the API key holds characters that no key has (spaces, line ends, ...). {hint}"
        )
    return key
