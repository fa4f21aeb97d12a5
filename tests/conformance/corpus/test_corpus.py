"""What pipeline_ex's authors wrote loads, or fails for a fault of its own; what needs nothing from outside runs.

The files are not part of the product: `$EVOPIPE_SHARED/corpus/pipeline_ex`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from actors.kernel import ChildSpec
from actors.providers import ProviderOptions, provider_children
from actors.runs import RunOutcome
from actors.sessions import SessionDesk
from actors.steps import STEP_EXECUTORS, Executor, StepContext
from actors.steps.asking import result_of
from pipelines.language import InvalidPipelineError, Pipeline, load_pipeline, prompt_files, to_yaml
from tests.actors_for_tests import add
from tests.runs_for_tests import small_node
from tests.support import run

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("EVOPIPE_SHARED", ROOT.parent / "shared")) / "corpus" / "pipeline_ex"
FILES = sorted(file.relative_to(CORPUS).as_posix() for file in CORPUS.rglob("*.y*ml")) if CORPUS.is_dir() else []
TABLE = ROOT / "docs" / "compatibility.md"
DEADLINE_S = 30.0

# The fault of the file itself, in a piece of the message ours gives; docs/compatibility.md lists the same files.
FAULTY = {
    "examples/meta/genesis_example.yaml": "Configuration missing required 'workflow' section",
    "examples/schema_validation_example.yaml": "Step 'run_tests' has type 'bash'",
}
# Files whose steps work on what only a language model can answer, with the reason the offline provider cannot.
NEEDS_A_MODEL = {
    "examples/data_transform_example.yaml": "its first step asks for a table of orders as JSON text",
}

READY = [name for name in FILES if name not in FAULTY]

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of pipeline_ex is not here (EVOPIPE_SHARED)")


def loaded(name: str) -> Pipeline:
    return load_pipeline((CORPUS / name).read_bytes(), source=name)


def needs_files(pipeline: Pipeline) -> bool:
    """Whether a prompt quotes a file, or another pipeline file is called: neither is in the corpus's folder."""

    def asks(step: Any) -> bool:
        inner: tuple[Any, ...] = getattr(step, "steps", ())
        return (
            bool(prompt_files(step)) or bool(getattr(step, "pipeline_file", None)) or any(asks(each) for each in inner)
        )

    return any(asks(step) for step in pipeline.steps)


def carried_out(name: str, workspace: Path, **executors: Executor) -> RunOutcome:
    pipeline = loaded(name)
    inputs: dict[str, Any] = {
        each: 3 if "count" in each or "multiplier" in each else "x" for each in pipeline.required_inputs
    }

    async def main() -> RunOutcome:
        node = await small_node(
            executors={"test_echo": STEP_EXECUTORS["test_echo"], **executors},
            routes={"claude": "offline", "gemini": "offline"},
        )
        try:
            sessions = ChildSpec(
                id="sessions",
                actor_class=SessionDesk,
                args=(workspace.parent / f"{workspace.name}-state", result_of),
                name="sessions",
            )
            for spec in (sessions, *provider_children("offline", ProviderOptions(), 2)):
                await add(node.top, spec)
            text = (CORPUS / name).read_text(encoding="utf-8")
            return await node.run(text, workspace=str(workspace), inputs=inputs)
        finally:
            await node.kernel.shutdown()

    return run(main(), DEADLINE_S)


@pytest.mark.parametrize("name", READY)
def test_a_file_of_the_corpus_loads_and_can_be_written_and_read_again(name: str) -> None:
    pipeline = loaded(name)
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash


@pytest.mark.parametrize("name", [each for each in READY if each not in NEEDS_A_MODEL])
def test_a_file_that_needs_nothing_from_outside_runs_to_its_end(name: str, tmp_path: Path) -> None:
    if needs_files(loaded(name)):
        pytest.skip("it reads files of its authors' project")
    outcome = carried_out(name, tmp_path)
    assert outcome.status == "succeeded", outcome.error


@pytest.mark.parametrize("name", [each for each in NEEDS_A_MODEL if each in FILES])
def test_a_file_that_needs_a_model_runs_with_one(name: str, tmp_path: Path) -> None:
    orders = [{"id": 1, "user_id": 7, "total": 250, "status": "completed"}]
    tables = {"orders": orders, "users": [{"id": 7, "name": "Ann", "tier": "gold"}], "products": []}

    async def answer(_: StepContext) -> JsonValue:
        return {"text": f"Here it is:\n```json\n{json.dumps(tables)}\n```", "success": True}

    outcome = carried_out(name, tmp_path, gemini=answer)
    assert outcome.status == "succeeded", outcome.error
    average = outcome.results["calculate_tier_stats"]
    assert isinstance(average, dict) and average["gold_tier_avg"] == 250


@pytest.mark.parametrize("name", [each for each in FAULTY if each in FILES])
def test_a_faulty_file_is_refused_for_its_own_fault(name: str) -> None:
    with pytest.raises(InvalidPipelineError) as caught:
        loaded(name)
    assert FAULTY[name] in str(caught.value)


def test_the_document_lists_every_faulty_file_with_its_message() -> None:
    table = TABLE.read_text(encoding="utf-8")
    for name, message in FAULTY.items():
        assert f"`{name}`" in table and message in table
