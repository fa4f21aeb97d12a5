"""What the settings and config/models.yaml say of models, in the form that `pipelines.tooling` takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

from actors.providers.prices import PriceList
from actors.providers.protocol import Usage
from pipelines.tooling import ModelFacts, Models, Routing
from runtime.settings import SettingsError, load_settings, shipped_text


@dataclass(frozen=True, slots=True)
class PriceBook:
    """`ModelBook` over the node's price list."""

    prices: PriceList

    def facts(self, model: str) -> ModelFacts | None:
        """Window and longest answer, None for an unknown model."""
        known = self.prices.model(model)
        return None if known is None else ModelFacts(known.context_window, known.max_output_tokens)

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int, day: date) -> Decimal | None:
        """None where there is no price on that day (UTC)."""
        if model == OFFLINE_MODEL:
            return Decimal(0)
        at = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        return self.prices.cost_usd(model, Usage(input_tokens, output_tokens), at)


OFFLINE_MODEL = "offline-rules-1"
# What the vendors' modules default to; a test compares, because importing them would load both SDKs.
DEFAULT_MODELS = {"anthropic": "claude-sonnet-5-5", "gemini": "gemini-3.8-flash", "offline": OFFLINE_MODEL}


@cache
def shipped_prices() -> PriceList:
    """The price list as it is shipped, read once a process."""
    return PriceList.from_yaml(shipped_text("models.yaml"))


def load_models() -> Models:
    """Reads the shipped price list and the settings. Settings that cannot be used count as the vendors' defaults:
    checking a file must not depend on how the node is set up."""
    book = PriceBook(shipped_prices())
    try:
        settings = load_settings()
    except SettingsError:
        return Models(book, Routing({"claude": "anthropic", "gemini": "gemini"}, DEFAULT_MODELS))
    vendors = {"anthropic": settings.providers.anthropic.model, "gemini": settings.providers.gemini.model}
    named = {name: model for name, model in vendors.items() if model is not None}
    routes = {"claude": settings.route("claude"), "gemini": settings.route("gemini")}
    return Models(book, Routing(routes, {**DEFAULT_MODELS, **named}))


def today() -> date:
    """The day whose prices hold."""
    return datetime.now(UTC).date()
