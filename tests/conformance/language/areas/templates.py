"""`template_string`, `template_typed` and `nested_input`: a template and what it may see -> its value.

The shared cases are of the `workflow:` dialect, so names that lead nowhere are kept; a
case of the bare dialect says `"unresolved_names": "error"`, as a pipeline would.
"""

from __future__ import annotations

from typing import Any

from pipelines.language import render, render_text
from tests.conformance.language.areas.scopes import scope_of


def as_text(given: dict[str, Any]) -> str:
    """The template inside text."""
    return render_text(given["template"], scope_of(given, lenient=given.get("unresolved_names") != "error"))


def typed(given: dict[str, Any]) -> Any:
    """The template as a whole value."""
    return render(given["template"], scope_of(given, lenient=given.get("unresolved_names") != "error"))


def nested_input(given: dict[str, Any]) -> Any:
    """One value of the `inputs` of a nested pipeline."""
    return render(given["value"], scope_of(given, lenient=given.get("unresolved_names") != "error"))
