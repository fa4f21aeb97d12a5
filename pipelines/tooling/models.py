"""What tooling knows of models and providers without asking one: which model a step will ask, and its facts.

The facts are dated data of the node (config/models.yaml) and come in as a `ModelBook`; this floor reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from pipelines.language import BaseStep, is_template

from .questions import Question


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Window and longest answer of a model, in tokens."""

    context_window: int
    max_output_tokens: int


class ModelBook(Protocol):
    """Models and their prices."""

    def facts(self, model: str) -> ModelFacts | None:
        """None: not known."""
        ...

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int, day: date) -> Decimal | None:
        """US dollars at the prices of `day`; None where there is no price, never zero for that."""
        ...


@dataclass(frozen=True, slots=True)
class Routing:
    """Which provider answers a family of steps (`claude`, `gemini`), and each provider's default model."""

    routes: Mapping[str, str]
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Models:
    """What a node knows of models: their facts, and which one it asks."""

    book: ModelBook
    routing: Routing


LoadModels = Callable[[], Models]


def provider_of(step: BaseStep, routing: Routing) -> str:
    """The provider that will be asked, as far as it is known before a run."""
    if step.provider and not is_template(step.provider):
        return step.provider
    family = "gemini" if str(getattr(step, "type", "")).startswith("gemini") else "claude"
    return routing.routes.get(family, family)


def model_of(step: BaseStep, asked: Question, routing: Routing) -> str | None:
    """The model that will be asked; None when nothing says which."""
    return asked.named_model or routing.models.get(provider_of(step, routing))
