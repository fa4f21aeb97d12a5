"""What tooling knows of models and providers without asking one: which model a step will ask, and its facts.

The facts are dated data of the node (config/models.yaml) and come in as a `ModelBook`; this floor reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Protocol

from pipelines.language import BaseStep, ParallelClaudeStep, ParallelTask, PromptStep, is_template

CHARACTERS_PER_TOKEN: Final = 4
_MARKUP: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
ESTIMATE: Final = "1 token is taken for 4 characters; a vendor's own count differs, more so outside English prose"


def count_tokens(characters: int) -> int:
    """The stated estimate (`ESTIMATE`), rounded up."""
    return -(-characters // CHARACTERS_PER_TOKEN)


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
Key = tuple[str | int, ...]
Asked = PromptStep | ParallelTask


def questions(step: BaseStep) -> Iterator[tuple[Key, Asked]]:
    """What a step asks providers, with the key of each below the step: itself, or each of its parallel tasks."""
    if isinstance(step, PromptStep):
        yield (), step
    elif isinstance(step, ParallelClaudeStep):
        for index, task in enumerate(step.parallel_tasks):
            yield ("parallel_tasks", index), task


def named_model(asked: Asked) -> str | None:
    """The model that the text names for this question; None when it leaves it to the provider or to a template."""
    options: Any = getattr(asked, "claude_options", None) or {}
    model: Any = asked.model or options.get("model")
    return model if isinstance(model, str) and model and not is_template(model) else None


def provider_of(step: BaseStep, routing: Routing) -> str:
    """The provider that will be asked, as far as it is known before a run."""
    if step.provider and not is_template(step.provider):
        return step.provider
    family = "gemini" if str(getattr(step, "type", "")).startswith("gemini") else "claude"
    return routing.routes.get(family, family)


def model_of(step: BaseStep, asked: Asked, routing: Routing) -> str | None:
    """The model that will be asked; None when nothing says which."""
    return named_model(asked) or routing.models.get(provider_of(step, routing))


def longest_answer(asked: Asked) -> int | None:
    """`max_tokens`, wherever the step says it."""
    budget = getattr(asked, "token_budget", None)
    options: Any = getattr(asked, "claude_options", None) or {}
    for most in (asked.max_tokens, getattr(budget, "max_output_tokens", None), options.get("max_tokens")):
        if isinstance(most, int) and not isinstance(most, bool) and most > 0:
            return most
    return None


def written_characters(template: str) -> int:
    """Characters of a template outside of its `{{ }}` and `{% %}`: what its text has at least."""
    return len(template) if not is_template(template) else len(_MARKUP.sub("", template))
