"""From text or data to a checked `Pipeline`, and back to text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import yaml
from pydantic import JsonValue, ValidationError

from .checks import check_pipeline
from .diagnostics import InvalidPipelineError, Path
from .judging import Surroundings
from .normalise import canonical_pipeline, unwrap_workflow
from .pipeline import Pipeline
from .schema_errors import report_schema_errors, text_path
from .steps import NAME_PATTERN, BaseStep, ForLoopStep, PipelineStep
from .yaml_source import Document, read_yaml


def load_pipeline(
    text: str | bytes,
    *,
    source: str = "<text>",
    known_pipelines: Iterable[str] | None = None,
    known_providers: Iterable[str] | None = None,
) -> Pipeline:
    """Reads one definition of either dialect; raises `InvalidPipelineError` with everything that is wrong.

    `source` is the file name shown in findings. With `known_pipelines` (paths), a `pipeline_file` outside them is an
    error, with `known_providers` a `provider` outside of those; without, only the run can tell.
    """
    return _build(read_yaml(text, source), Surroundings.of(known_pipelines, known_providers))


def build_pipeline(
    data: Mapping[str, JsonValue],
    *,
    source: str = "<data>",
    known_pipelines: Iterable[str] | None = None,
    known_providers: Iterable[str] | None = None,
) -> Pipeline:
    """The same for a definition that is already a map (generated, mutated, from a request); without positions."""
    return _build(Document(source, value=dict(data)), Surroundings.of(known_pipelines, known_providers))


def _build(document: Document, around: Surroundings) -> Pipeline:
    raw, prefix = unwrap_workflow(document.value)
    if prefix:
        _report_beside_wrapper(document)
    if not isinstance(raw, dict):
        what = f"the file holds {_kind(raw)}"
        document.report("top_level", (), what, "a map with name and steps", "begin with `name:` and `steps:`")
        raise InvalidPipelineError(document.all_findings())
    canonical = canonical_pipeline(raw)
    pipeline: Pipeline | None = None
    try:
        pipeline = Pipeline.model_validate(canonical)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=True)
        report_schema_errors(cast("list[Any]", errors), raw, canonical, prefix, document)
        _check_what_holds(canonical, cast("list[Any]", errors), prefix, document, around)
    except RecursionError:
        document.report("limit", prefix, "the definition is nested too deeply", fix="split it into several files")
    if pipeline is not None:
        _check(pipeline, prefix, raw, document, around)
    if document.findings or pipeline is None:
        raise InvalidPipelineError(document.all_findings())
    return pipeline


def _check(pipeline: Pipeline, prefix: Path, raw: JsonValue, document: Document, around: Surroundings) -> None:
    for each in check_pipeline(pipeline, around):
        document.report(each.code, prefix + text_path(each.key, raw), each.message, each.expected, each.fix)


def _check_what_holds(
    canonical: dict[str, JsonValue],
    errors: list[Any],
    prefix: Path,
    document: Document,
    around: Surroundings,
) -> None:
    """Names and cycles among the steps whose shape holds, so that a typo in one step does not hide the others'."""
    steps = canonical.get("steps")
    if not isinstance(steps, list):
        return
    bad_keys = {error["loc"][0] for error in errors if error["loc"]} - {"steps"}
    kept = {key: value for key, value in canonical.items() if key in Pipeline.model_fields and key not in bad_keys}
    broken = {error["loc"][1] for error in errors if len(error["loc"]) > 1 and error["loc"][0] == "steps"}
    kept["name"] = "incomplete"
    kept["steps"] = [_stand_in(each, i) if i in broken else each for i, each in enumerate(steps)]
    try:
        partial = Pipeline.model_validate(kept)
    except ValidationError:
        return
    for each in check_pipeline(partial, around):
        if not (len(each.key) > 1 and each.key[0] == "steps" and each.key[1] in broken):
            document.report(each.code, prefix + each.key, each.message, each.expected, each.fix)


def _stand_in(step: JsonValue, index: int) -> JsonValue:
    """A step that only holds the name and the variables of one that is broken."""
    raw = step if isinstance(step, dict) else {}
    name, variables = raw.get("name"), raw.get("variables")
    usable = isinstance(name, str) and re.match(NAME_PATTERN, name)
    stand_in: dict[str, JsonValue] = {"name": name if usable else f"step_{index}_", "type": "set_variable"}
    return {**stand_in, "variables": variables} if isinstance(variables, dict) else stand_in


def _report_beside_wrapper(document: Document) -> None:
    for key in cast("dict[str, JsonValue]", document.value):
        if key != "workflow":
            document.report(
                "extra_forbidden",
                (key,),
                f"unknown key '{key}' beside 'workflow'",
                "one key, workflow",
                "move it under workflow",
            )


def _kind(value: JsonValue) -> str:
    words = {"str": "plain text", "NoneType": "nothing", "list": "a list", "bool": "true or false"}
    return words.get(type(value).__name__, "a number")


def to_data(pipeline: Pipeline) -> dict[str, JsonValue]:
    """The definition as the map a person would write: defaults left out, prompt parts as parts."""
    data = pipeline.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _as_written(data, pipeline.steps)
    return data


def _as_written(data: dict[str, Any], steps: tuple[BaseStep, ...]) -> None:
    for step, written in zip(steps, data["steps"], strict=True):
        for holder in (written, *written.get("parallel_tasks", ())):
            if "prompt_parts" in holder:
                holder["prompt"] = holder.pop("prompt_parts")
        if isinstance(step, ForLoopStep):
            _as_written(written, step.steps)
        elif isinstance(step, PipelineStep) and step.pipeline is not None:
            _as_written(written["pipeline"], step.pipeline.steps)


class _Dumper(yaml.SafeDumper):
    pass


def _text_representer(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return cast(Any, dumper).represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text_representer)


def to_yaml(pipeline: Pipeline) -> str:
    """The definition as YAML of the bare dialect; `load_pipeline(to_yaml(p))` has the content hash of `p`."""
    return yaml.dump(
        to_data(pipeline), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110
    )
