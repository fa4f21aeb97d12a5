"""`condition`: {condition, results} -> whether it holds."""

from __future__ import annotations

from typing import Any

from pipelines.language import evaluate
from tests.conformance.language.areas.scopes import scope_of


def holds(given: dict[str, Any]) -> bool:
    """The condition over the step results."""
    return evaluate(given["condition"], scope_of(given))
