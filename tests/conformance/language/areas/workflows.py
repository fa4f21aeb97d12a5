"""`validate` and `execute`: a whole definition, loaded, and run on a small node with the reference's mock provider."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from actors.kernel import ChildSpec
from actors.runs import RunOutcome
from actors.sessions import SessionDesk
from actors.steps import STEP_EXECUTORS
from actors.steps.asking import result_of
from pipelines.language import InvalidPipelineError, Pipeline, load_pipeline, to_yaml
from tests.actors_for_tests import add
from tests.conformance.language.areas.mock_provider import NAME, HurriedClock, mock_children
from tests.runs_for_tests import small_node
from tests.support import run

_DEADLINE_S = 30.0


class RunFailedError(Exception):
    """A run that did not succeed; the text is the run's own."""


class WorkflowRefusedError(Exception):
    """A definition that was not let in, in the words the reference's runner uses."""

    def __init__(self, error: InvalidPipelineError) -> None:
        super().__init__("\n".join(f"Invalid workflow: {each.message}" for each in error.diagnostics))


def loaded(given: dict[str, Any]) -> str:
    """ "ok", or what is wrong."""
    load_pipeline(json.dumps(given["config"]))
    return "ok"


def executed(given: dict[str, Any]) -> dict[str, Any]:
    """Every top-level step's result."""
    text = json.dumps({"workflow": given["workflow"]})
    try:
        load_pipeline(text)
    except InvalidPipelineError as error:
        raise WorkflowRefusedError(error) from error
    return _results(text, given.get("inputs") or {})


def run_step(pipeline: Pipeline, name: str) -> Any:
    """One step's result in a run of the pipeline."""
    return _results(to_yaml(pipeline), {})[name]


def _failure(outcome: RunOutcome) -> str:
    """Why a run failed, with the step and its type told as the reference does."""
    error = outcome.error or {}
    message = str(error.get("message", outcome.status))
    step = error.get("step")
    return message if step is None else f"Step '{step}' failed: {message}\nStep type: {error.get('type')}"


def _results(text: str, inputs: dict[str, Any]) -> dict[str, Any]:
    async def main() -> RunOutcome:
        node = await small_node(
            clock=HurriedClock(),
            executors={"test_echo": STEP_EXECUTORS["test_echo"]},
            routes={"claude": NAME, "gemini": NAME},
        )
        try:
            sessions = ChildSpec(
                id="sessions", actor_class=SessionDesk, args=(folder / "state", result_of), name="sessions"
            )
            for spec in (*mock_children(), sessions):
                await add(node.top, spec)
            return await node.run(text, inputs=inputs, workspace=str(folder / "workspace"))
        finally:
            await node.kernel.shutdown()

    with tempfile.TemporaryDirectory(prefix="evopipe-conformance-") as name:
        folder = Path(name)
        (folder / "workspace").mkdir()
        outcome = run(main(), _DEADLINE_S)
    if outcome.status != "succeeded":
        raise RunFailedError(_failure(outcome))
    return outcome.results
