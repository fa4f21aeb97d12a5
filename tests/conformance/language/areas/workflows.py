"""`validate` and `execute`: a whole definition, loaded, and run on a small node with the reference's mock provider."""

from __future__ import annotations

import json
import tempfile
from typing import Any

from actors.runs import RunOutcome
from actors.steps import STEP_EXECUTORS
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


def _results(text: str, inputs: dict[str, Any]) -> dict[str, Any]:
    async def main() -> RunOutcome:
        node = await small_node(
            clock=HurriedClock(),
            executors={"test_echo": STEP_EXECUTORS["test_echo"]},
            routes={"claude": NAME, "gemini": NAME},
        )
        try:
            for spec in mock_children():
                await add(node.top, spec)
            with tempfile.TemporaryDirectory(prefix="evopipe-conformance-") as workspace:
                return await node.run(text, inputs=inputs, workspace=workspace)
        finally:
            await node.kernel.shutdown()

    outcome = run(main(), _DEADLINE_S)
    if outcome.status != "succeeded":
        raise RunFailedError(str((outcome.error or {}).get("message", outcome.status)))
    return outcome.results
