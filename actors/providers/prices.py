"""What models cost and hold, as dated data (config/models.yaml). An unknown price is None, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from actors.providers.protocol import Usage
from pipelines.context import Window

_MILLION = Decimal(1_000_000)
# libyaml's, where PyYAML was built with it: ten times as fast.
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidPriceListError(Exception):
    """The price data cannot be read; the message names the place and what was expected."""


def _exact(value: object) -> object:
    # A float has already lost the figure that was written.
    if isinstance(value, float):
        raise ValueError("write prices in quotes, so that they are read exactly")
    return value


Dollars = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Frozen):
    """Dollars per million tokens from the day `since` on, for prompts of up to `up_to_input_tokens` (None: any)."""

    since: date
    input: Dollars
    output: Dollars
    up_to_input_tokens: int | None = Field(default=None, gt=0)


class Model(_Frozen):
    """One model: window and longest answer in tokens, whether it takes a temperature, its prices through time.

    `window_holds_answer`: the vendor refuses input and `max_tokens` that are together more than the window.
    """

    provider: str
    context_window: int = Field(gt=0)
    max_output_tokens: int = Field(gt=0)
    temperature: bool
    window_holds_answer: bool = False
    source: str
    checked: date
    prices: tuple[Price, ...]


class _File(_Frozen):
    version: Literal[1]
    aliases: Mapping[str, str] = {}
    models: Mapping[str, Model]


class PriceList:
    """Looks models and costs up. Immutable; the empty list knows nothing, so every cost is None."""

    def __init__(self, models: Mapping[str, Model] | None = None, aliases: Mapping[str, str] | None = None) -> None:
        self._models = dict(models or {})
        self._aliases = dict(aliases or {})

    @classmethod
    def from_yaml(cls, text: str) -> PriceList:
        """Reads config/models.yaml's text; raises `InvalidPriceListError`."""
        try:
            parsed = _File.model_validate(yaml.load(text, Loader=_Loader))
        except (ValidationError, yaml.YAMLError) as error:
            raise InvalidPriceListError(f"models.yaml: {error}") from error
        missing = sorted(set(parsed.aliases.values()) - set(parsed.models))
        if missing:
            raise InvalidPriceListError(f"models.yaml: aliases name unknown models: {', '.join(missing)}")
        return cls(parsed.models, parsed.aliases)

    def model(self, name: str) -> Model | None:
        """The model of that name or alias."""
        return self._models.get(self._aliases.get(name, name))

    def window(self, name: str) -> Window:
        """What the model of that name or alias holds; without tokens where it is not known."""
        known = self.model(name)
        return Window(name) if known is None else Window(name, known.context_window, known.window_holds_answer)

    def names(self, provider: str) -> tuple[str, ...]:
        """Known models of a provider, sorted."""
        return tuple(sorted(name for name, model in self._models.items() if model.provider == provider))

    def cost_usd(self, model: str, usage: Usage, at: float) -> Decimal | None:
        """The cost of `usage` at the unix time `at`; None where model, day or prompt length has no price.

        Of the prices that fit the prompt's length, the ones of the latest day not after `at` hold.
        """
        known = self.model(model)
        if known is None:
            return None
        day = datetime.fromtimestamp(at, UTC).date()
        begun = [price for price in known.prices if price.since <= day]
        if not begun:
            return None
        since = max(price.since for price in begun)
        tiers = sorted(
            (price for price in begun if price.since == since),
            key=lambda price: price.up_to_input_tokens or float("inf"),
        )
        for price in tiers:
            if price.up_to_input_tokens is None or usage.input_tokens <= price.up_to_input_tokens:
                return (usage.input_tokens * price.input + usage.output_tokens * price.output) / _MILLION
        return None
