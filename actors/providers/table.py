"""All providers. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from actors.kernel import ChildSpec
from actors.providers import anthropic, gemini, offline
from actors.providers.connection import ConnectionActor
from actors.providers.options import ProviderOptions
from actors.providers.pool import ProviderPool, connection_name, pool_name
from actors.providers.prices import PriceList
from actors.providers.protocol import Provider
from pipelines.context import Window
from pipelines.guardrails.breaker_panel import BreakerPanel
from pipelines.guardrails.rate_limits import ProviderLimits


@dataclass(frozen=True, slots=True)
class ProviderEntry:
    """What the table knows of a provider. `make` is cheap and touches neither network nor SDK."""

    name: str
    make: Callable[[ProviderOptions], Provider]
    default_model: str
    needs_key: bool
    language_model: bool


PROVIDERS: Mapping[str, ProviderEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            ProviderEntry(anthropic.NAME, anthropic.AnthropicProvider, anthropic.DEFAULT_MODEL, True, True),
            ProviderEntry(gemini.NAME, gemini.GeminiProvider, gemini.DEFAULT_MODEL, True, True),
            ProviderEntry(offline.NAME, offline.OfflineProvider, offline.DEFAULT_MODEL, False, False),
        )
    }
)


def provider_children(
    name: str,
    options: ProviderOptions,
    connections: int,
    max_in_flight: int = 256,
    *,
    limits: ProviderLimits | None = None,
    panel: BreakerPanel | None = None,
) -> tuple[ChildSpec, ...]:
    """Child specs of one provider for a `one_for_one` supervisor: its connections, then its pool.

    Raises `KeyError` for a name that is not in `PROVIDERS`, `ValueError` for no connections.
    """
    entry = PROVIDERS[name]
    if connections < 1:
        raise ValueError(f"provider {name} needs at least one connection, not {connections}")
    names = tuple(connection_name(name, number) for number in range(1, connections + 1))
    model = options.model or entry.default_model
    made = tuple(
        ChildSpec(
            id=each,
            actor_class=ConnectionActor,
            args=(name, partial(entry.make, options), max_in_flight, model),
            name=each,
        )
        for each in names
    )
    pool = ChildSpec(
        id=pool_name(name),
        actor_class=ProviderPool,
        args=(name, names, max_in_flight),
        kwargs={
            "window_of": partial(_window, options.prices, name, model),
            "default_model": model,
            "limits": limits,
            "panel": panel,
        },
        name=pool_name(name),
    )
    return (*made, pool)


def _window(prices: PriceList, provider: str, default: str, model: str | None) -> Window:
    # The offline provider reads every prompt to its end, whatever model a step names.
    return prices.window(model or default) if PROVIDERS[provider].language_model else Window(default)
