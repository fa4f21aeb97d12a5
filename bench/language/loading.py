"""A definition's text to a checked pipeline, and the same text out of the cache."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from actors.runs import DefinitionCache
from bench.figures import median
from bench.language.definitions import definition
from pipelines.language import load_pipeline
from pipelines.tooling import pipeline_schema

_YAML: Any = yaml


def load(steps: int, count: int) -> dict[str, float]:
    """Milliseconds for one text of `steps` steps, measured `count` times: first, warm and cached, and the baseline's
    `yaml.safe_load` with a JSON Schema of the same language."""
    text = definition(steps)
    first_ms = _ms(lambda: load_pipeline(text), 1)
    warm_ms = _ms(lambda: load_pipeline(text), count)
    cache = DefinitionCache()
    cache.load(text)
    validator: Any = Draft202012Validator(pipeline_schema())
    schema_ms = _ms(lambda: _by_schema(text, validator), max(1, min(count, 5_000 // steps)))
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {
        "first_ms": first_ms,
        "warm_ms": warm_ms,
        "cached_ms": _ms(lambda: cache.load(text), 100),
        "bare_yaml_ms": _ms(lambda: _YAML.load(text, Loader=loader), count),
        "yaml_and_schema_ms": schema_ms,
        "ratio_to_yaml_and_schema": warm_ms / schema_ms,
    }


def _by_schema(text: str, validator: Any) -> None:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    validator.validate(_YAML.load(text, Loader=loader))


def _ms(work: Callable[[], object], count: int) -> float:
    samples: list[float] = []
    for _ in range(count):
        started = perf_counter()
        work()
        samples.append((perf_counter() - started) * 1000)
    return median(samples)
