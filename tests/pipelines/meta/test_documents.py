"""The pipelines of the mission's documents: read as they were written there, and shipped in canonical form.

`documents/` quotes the blocks. The shipped form may say more (descriptions, real schemas, references where a prompt
only meant an earlier step), but it has the same name, the same steps and every input that the document names.
"""

from __future__ import annotations

import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

import pipelines
from actors.steps.answering import parameters_of
from pipelines.extraction import is_json_schema, normalise_schema
from pipelines.formatting import format_text, migrate
from pipelines.language import (
    ClaudeBatchStep,
    FunctionSpec,
    ParallelClaudeStep,
    Pipeline,
    check_document,
    load_pipeline,
    read_yaml,
    resolve_inputs,
)
from pipelines.tooling import Models, draw_text, pipeline_schema, warnings_for

ROOT = Path(__file__).parents[3]
META = Path(pipelines.__file__).parent / "meta"
DOCUMENTS = sorted((Path(__file__).parent / "documents").glob("*.yaml"))
SHIPPED = sorted(META.glob("*.yaml"))
MISSION = Path(os.environ.get("EVOPIPE_SHARED", ROOT.parent / "shared")) / "mission"
DEPLOYING = {"ab_testing_framework": "winner_deployment", "self_improvement_loop": "deploy_if_better"}

every_document = pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
every_pipeline = pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)


def as_written(file: Path) -> str:
    """The block; a bare list of steps gets the two lines around it that make it a pipeline."""
    text = file.read_text(encoding="utf-8")
    return f"name: {file.stem}\nsteps:\n{text}" if text.startswith("- ") else text


def warned(text: str) -> list[tuple[str, str]]:
    def no_models() -> Models:
        raise AssertionError("no step of these names a model")

    document = read_yaml(text, "p.yaml")
    found = warnings_for(check_document(document), document, no_models, date(2026, 1, 1))
    return [(each.code, each.key_path) for each in found]


def misfits(text: str) -> list[str]:
    """What an editor with the exported schema would complain about."""
    check: Any = Draft202012Validator(pipeline_schema())
    return [f"{error.json_path}: {error.message}" for error in check.iter_errors(yaml.safe_load(text))]


def allowed_warnings(stem: str, text: str) -> list[tuple[str, str]]:
    step = DEPLOYING.get(stem)
    names = [each.name for each in load_pipeline(text).steps]
    return [("not_available", f"steps[{names.index(step)}].type")] if step else []


@pytest.mark.skipif(not MISSION.is_dir(), reason="the mission's documents are not here (EVOPIPE_SHARED)")
def test_every_pipeline_of_the_documents_is_quoted_to_the_letter() -> None:
    texts = [file.read_text(encoding="utf-8") for file in sorted(MISSION.glob("*.txt"))]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if "\nsteps:" in block]
    named = {cast("re.Match[str]", re.search(r"meta/(\w+)\.yaml", block))[1]: block for block in blocks}
    quoted = {file.stem: file.read_text(encoding="utf-8") for file in DOCUMENTS}
    inline = quoted.pop("analyze_all_files")
    assert quoted == named
    assert any(" ".join(inline.split()) in " ".join(text.split()) for text in texts)


@every_document
def test_what_the_documents_write_loads_and_is_warned_of_only_where_it_deploys(file: Path) -> None:
    text = as_written(file)
    assert warned(text) == allowed_warnings(file.stem, text)


@every_document
def test_an_editor_accepts_what_the_documents_write(file: Path) -> None:
    assert misfits(as_written(file)) == []


@every_document
def test_the_canonical_form_of_a_document_means_the_same(file: Path) -> None:
    text = as_written(file)
    done = migrate(text.encode(), file.name)
    assert load_pipeline(done.text).content_hash == load_pipeline(text).content_hash
    assert migrate(done.text.encode(), file.name).changes == ()


def test_each_document_is_shipped_and_nothing_else_is() -> None:
    assert [file.name for file in SHIPPED] == [file.name for file in DOCUMENTS]
    assert [file.stem for file in sorted((META / "samples").glob("*.json"))] == [file.stem for file in SHIPPED]


@every_document
def test_the_shipped_form_has_the_documents_name_steps_and_inputs(file: Path) -> None:
    written, shipped = load_pipeline(as_written(file)), load_pipeline((META / file.name).read_bytes())
    assert shipped.name == written.name
    assert [(step.name, kind(step)) for step in shipped.steps] == [(step.name, kind(step)) for step in written.steps]
    assert set(written.implied_inputs) <= shipped.inputs.keys()
    # What the document does not name, a caller of the document's pipeline need not know.
    assert set(shipped.required_inputs) <= set(written.required_inputs)
    for ours, theirs in zip(shipped.steps, written.steps, strict=True):
        assert waits_for(shipped, ours.name) >= waits_for(written, theirs.name)
        assert questions(ours) == questions(theirs)
        assert fields_of(ours) >= fields_of(theirs)
        assert functions_of(ours) == functions_of(theirs)


def kind(step: Any) -> str:
    return step.type


def waits_for(pipeline: Pipeline, name: str) -> frozenset[str]:
    return pipeline.dependency_graph[name]


def questions(step: Any) -> int:
    if isinstance(step, ParallelClaudeStep):
        return len(step.parallel_tasks)
    return len(step.tasks) if isinstance(step, ClaudeBatchStep) else 0


def fields_of(step: Any) -> set[str]:
    schema = getattr(step, "output_schema", None)
    return set() if schema is None else set(names_in(normalise_schema(schema)))


def names_in(schema: Any) -> list[str]:
    if not isinstance(schema, dict):
        return []
    facts = cast("dict[str, Any]", schema)
    properties: dict[str, Any] = facts.get("properties") or {}
    inner = [*properties.values(), facts.get("items")]
    return [*properties, *(name for each in inner for name in names_in(each))]


def functions_of(step: Any) -> dict[str, Any]:
    functions: tuple[FunctionSpec, ...] = getattr(step, "functions", ())
    return {each.name: parameters_of(each)["properties"].keys() for each in functions}


@every_pipeline
def test_a_shipped_pipeline_is_canonical_and_warned_of_only_where_it_deploys(file: Path) -> None:
    raw = file.read_bytes()
    assert format_text(raw, file.name).encode() == raw
    assert migrate(raw, file.name).changes == ()
    assert warned(raw.decode()) == allowed_warnings(file.stem, raw.decode())
    assert misfits(raw.decode()) == []


@every_pipeline
def test_a_shipped_pipeline_declares_what_it_takes_and_what_it_gives(file: Path) -> None:
    pipeline = load_pipeline(file.read_bytes())
    assert pipeline.description
    assert pipeline.implied_inputs == ()
    assert [name for name, spec in pipeline.inputs.items() if not spec.description] == []
    assert pipeline.outputs or pipeline.name == "genesis_pipeline"
    schemas = [getattr(step, "output_schema", None) for step in pipeline.steps]
    assert all(is_json_schema(schema) for schema in schemas if schema is not None)
    sample = json.loads((META / "samples" / f"{file.stem}.json").read_bytes())
    assert resolve_inputs(pipeline, sample).items() >= sample.items()


@every_pipeline
def test_the_guide_says_what_each_is_for(file: Path) -> None:
    guide = (META / "README.md").read_text(encoding="utf-8")
    assert f"| [`{file.name}`]({file.name}) |" in guide
    assert draw_text(load_pipeline(file.read_bytes()))
