"""How the product is asked, by area. An answer is JSON, or a refusal: an error of the product."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.conformance.language.areas import (
    conditions,
    limits,
    outputs,
    presets,
    prompts,
    requests,
    retries,
    schemas,
    templates,
    transforms,
    variables,
    workflows,
)
from tests.conformance.language.areas.matching import covers, equal
from tests.conformance.language.areas.workflows import RunFailedError, WorkflowRefusedError


@dataclass(frozen=True, slots=True)
class Area:
    """`answer` asks the product; `matches(expected, got, wording)` judges what it said."""

    answer: Callable[[dict[str, Any]], Any]
    matches: Callable[[Any, Any, bool], bool] = equal


AREAS: Final[Mapping[str, Area]] = {
    "condition": Area(conditions.holds),
    "template_string": Area(templates.as_text),
    "template_typed": Area(templates.typed),
    "nested_input": Area(templates.nested_input),
    "nested_outputs": Area(outputs.chosen),
    "prompt": Area(prompts.rendered),
    "set_variable": Area(variables.set_by_a_step),
    "transform": Area(transforms.applied),
    "schema": Area(schemas.misfits),
    "preset": Area(presets.options),
    "retry_backoff": Area(retries.delays_ms),
    "recursion_guard": Area(limits.entered),
    "resource_limits": Area(limits.held),
    "genesis_mock_type": Area(requests.kind_of),
    "validate": Area(workflows.loaded),
    "execute": Area(workflows.executed, covers),
}

__all__ = ["AREAS", "Area", "RunFailedError", "WorkflowRefusedError"]
