"""`set_variable`: {initial, scope, variables} -> the step's result, and the variables after it by scope."""

from __future__ import annotations

from typing import Any

from pipelines.execution import Ancestry, Frame, FrameSpec, graph_of
from pipelines.language import build_pipeline
from tests.conformance.language.areas.scopes import scope_of
from tests.conformance.language.areas.workflows import run_step

_SCOPES = ("global", "session", "loop")


def set_by_a_step(given: dict[str, Any]) -> dict[str, Any]:
    """The step runs in a file of the `workflow:` dialect; a frame takes its result in. The run keeps one set of
    variables, the inner scope over the outer, told here by scope: what the step did not change is as it was."""
    step: dict[str, Any] = {"name": "set", "type": "set_variable", "variables": given["variables"]}
    if given.get("scope") is not None:
        step["scope"] = given["scope"]
    initial: dict[str, dict[str, Any]] = given.get("initial") or {}
    keep: dict[str, Any] = {"name": "conformance", "unresolved_names": "keep"}
    scope = scope_of({"variables": initial})
    pipeline = build_pipeline({**keep, "variables": dict(scope.state), "steps": [step]})
    result: dict[str, Any] = run_step(pipeline, "set")
    frame = Frame(FrameSpec("", graph_of(pipeline), scope, Ancestry(("conformance",), ("",), 0), own_state=True))
    frame.finish("set", result)
    said = {key: value for key, value in result.items() if key != "variables"}
    written = {name: frame.state[name] for name in result.get("variables", {})}
    state = {name: dict(initial.get(name) or {}) for name in _SCOPES}
    state[str(said.get("scope", "global"))] |= written
    for name in _SCOPES:
        state[name] = {
            key: frame.state[key] if key not in written and frame.state[key] != scope.state[key] else value
            for key, value in state[name].items()
        }
    return {"result": said, "state": state}
