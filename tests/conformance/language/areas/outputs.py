"""`nested_outputs`: {outputs, results} -> what the pipeline hands out."""

from __future__ import annotations

from typing import Any

from pipelines.language import OutputPath, select_outputs
from tests.conformance.language.areas.scopes import scope_of


def chosen(given: dict[str, Any]) -> Any:
    """The declared outputs; null gives all results."""
    declared = given["outputs"]
    if declared is not None:
        declared = tuple(each if isinstance(each, str) else OutputPath.model_validate(each) for each in declared)
    return select_outputs(declared, scope_of(given))
