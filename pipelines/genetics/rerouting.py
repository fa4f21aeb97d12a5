"""A definition with its providers forced: how an evolution stays on providers that cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.genetics.genome import PROVIDER_TYPES
from pipelines.language import Pipeline, build_pipeline, to_data


def rerouted(pipeline: Pipeline, routes: Mapping[str, str]) -> Pipeline:
    """The pipeline with every step, in loops and nested pipelines too, on `routes[family]`.

    Families are "claude" and "gemini"; a family that is not in `routes` stays as it was. Models are left out, being
    some vendor's.
    """
    if not routes:
        return pipeline
    definition = to_data(pipeline)
    _reroute_all(definition, routes)
    return build_pipeline(definition)


def _reroute_all(definition: Mapping[str, Any], routes: Mapping[str, str]) -> None:
    for key in ("steps", "finally"):
        _reroute(definition.get(key, []), routes)


def _reroute(steps: list[Any], routes: Mapping[str, str]) -> None:
    for step in steps:
        if step["type"] in PROVIDER_TYPES:
            provider = routes.get("gemini" if step["type"] == "gemini" else "claude")
            if provider is not None:
                step["provider"] = provider
                for holder in (step, *step.get("parallel_tasks", ())):
                    holder.pop("model", None)
        _reroute(step.get("steps", []), routes)
        if isinstance(step.get("pipeline"), dict):
            _reroute_all(step["pipeline"], routes)
