"""Step mutation: another type among those that give the same kind of answer, or another parameter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from pipelines.genetics.descent import Definition, Edit, Materials, Operator, edited, shuffled, steps_in
from pipelines.genetics.genome import PROVIDER_TYPES
from pipelines.language import STEP_CLASSES, RetryPolicy

Change = tuple[str, dict[str, Any]]

_INTERCHANGEABLE: Final = frozenset({"claude", "claude_smart", "gemini"})
# What such a step does cannot be had from another type.
_HOLDS_BACK: Final = ("schema", "functions", "tools")
_MAX_TOKENS: Final = (256, 512, 1024, 2048, 4096)
_TEMPERATURES: Final = (0.0, 0.3, 0.7, 1.0)
_ATTEMPTS: Final = (1, 2, 3, 4, 5)
_PRESETS: Final = ("development", "production", "analysis", "chat")


def _edits(definition: Definition, rng: random.Random, _materials: Materials) -> Iterator[Edit]:
    for path, step in shuffled(steps_in(definition, PROVIDER_TYPES), rng):
        # The kind is drawn before the value: else the many values of one parameter would drown a change of type.
        for changes in shuffled([changes for changes in _kinds(step) if changes], rng):
            for detail, change in shuffled(changes, rng):
                yield f"{step['name']}: {detail}", edited(definition, path, change)


def _kinds(step: Definition) -> Iterator[list[Change]]:
    yield list(_types(step))
    if step["type"] != "parallel_claude":
        yield _others("max_tokens", _MAX_TOKENS, step.get("max_tokens"))
        yield _others("temperature", _TEMPERATURES, step.get("temperature"))
    if step["type"] == "claude_smart":
        yield _others("preset", _PRESETS, step.get("preset"))
    retry: dict[str, Any] = step.get("retry", {})
    current = retry.get("max_attempts", RetryPolicy().max_attempts)
    yield [(f"retry {n}", {"retry": {**retry, "max_attempts": n}}) for n in _ATTEMPTS if n != current]


def _types(step: Definition) -> Iterator[Change]:
    if step["type"] in _INTERCHANGEABLE and not any(step.get(key) for key in _HOLDS_BACK):
        for other in sorted(_INTERCHANGEABLE - {step["type"]}):
            lost = {key: None for key in step if key not in _keys_of(other)}
            # A model is one vendor's; another family would refuse it.
            yield f"type {other}", {**lost, "type": other, "model": None}


def _others(key: str, values: tuple[Any, ...], current: Any) -> list[Change]:
    return [(f"{key} {value}", {key: value}) for value in values if value != current]


def _keys_of(step_type: str) -> frozenset[str]:
    fields = STEP_CLASSES[step_type].model_fields
    return frozenset(field.serialization_alias or name for name, field in fields.items())


STEP_MUTATION: Final = Operator("step", _edits)
