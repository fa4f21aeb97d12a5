"""`schema`, `graph`, `explain`: what can be said of a pipeline without running it. They need no node."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.cli import exits
from runtime.cli.session import UsageProblem, print_json, read_definition

if TYPE_CHECKING:
    from pipelines.language import Pipeline


def print_schema() -> int:
    """The JSON Schema of pipeline files."""
    from pipelines.tooling import pipeline_schema

    print_json(pipeline_schema())
    return exits.OK


def print_graph(file: Path, form: str) -> int:
    """The graph in one of the forms of `DRAWINGS`."""
    from pipelines.language import nearest
    from pipelines.tooling import DRAWINGS

    draw = DRAWINGS.get(form)
    if draw is None:
        match = nearest(form, DRAWINGS)
        hint = f"did you mean {match}?" if match else f"write one of: {', '.join(DRAWINGS)}."
        raise UsageProblem(f"--format {form!r} is unknown; {hint}")
    sys.stdout.write(draw(load_valid(file)))
    return exits.OK


def print_explanation(file: Path) -> int:
    """In words what will happen."""
    from pipelines.tooling import explain
    from runtime.known_models import load_models

    sys.stdout.write(explain(load_valid(file), load_models().routing))
    return exits.OK


def load_valid(file: Path) -> Pipeline:
    """The pipeline of a file, completed by the library on this machine where it refers to one that is there; raises
    `UsageProblem` with all findings."""
    from pipelines.language import InvalidPipelineError, check_document, read_yaml
    from pipelines.linking import has_references
    from runtime.cli.local_library import link_locally

    try:
        document = read_yaml(read_definition(file), str(file))
        pipeline = check_document(document)
        linked = link_locally(document, pipeline) if has_references(pipeline) else None
    except InvalidPipelineError as error:
        raise UsageProblem(f"{file} is not valid (see `evopipe validate`):\n{error}") from error
    return pipeline if linked is None else linked.pipeline
