"""`prompt`: {parts, results} -> the prompt's text, as in a file of the `workflow:` dialect unless the case says
`"unresolved_names": "error"`."""

from __future__ import annotations

from typing import Any, cast

from pipelines.language import PromptStep, build_pipeline, render_text
from tests.conformance.language.areas.scopes import scope_of


def rendered(given: dict[str, Any]) -> str:
    """The parts as the prompt of a claude step behind steps with the results' names."""
    results: dict[str, Any] = given.get("results") or {}
    stubs: list[Any] = [{"name": name, "type": "test_echo"} for name in results]
    asking = {"name": "the_prompt", "type": "claude", "prompt": given["parts"]}
    lenient = given.get("unresolved_names") != "error"
    unresolved = "keep" if lenient else "error"
    pipeline = build_pipeline({"name": "conformance", "unresolved_names": unresolved, "steps": [*stubs, asking]})
    return render_text(cast(PromptStep, pipeline.steps[-1]).prompt, scope_of(given, lenient=lenient))
