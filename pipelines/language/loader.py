"""From text or data to a checked `Pipeline`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import JsonValue, ValidationError

from .checks import CLAUDE_OPTIONS, Finding, Surroundings, check_pipeline, unheeded
from .diagnostics import MOST_FINDINGS, InvalidPipelineError, Path, clip
from .dialects import canonical_pipeline, is_slip, read_wrapped, unwrap_workflow, without
from .pipeline import Pipeline
from .reading import Document, read_yaml
from .schema import NO_STEPS, allowed_keys, canonical_path, report_schema_errors, text_path
from .steps import NAME_PATTERN


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
    return check_document(read_yaml(text, source), known_pipelines=known_pipelines, known_providers=known_providers)


def check_document(
    document: Document,
    *,
    known_pipelines: Iterable[str] | None = None,
    known_providers: Iterable[str] | None = None,
) -> Pipeline:
    """`load_pipeline` of what `read_yaml` gave, for those who also need to know where things stand."""
    return _build(document, Surroundings.of(known_pipelines, known_providers))


def place_in(document: Document, key: Path) -> Path:
    """Where the text has what the canonical map has at `key`: below its `workflow` wrappers."""
    raw, prefix = unwrap_workflow(document.value)
    return prefix + text_path(key, raw)


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
    if not prefix and not raw.get("steps"):
        _report_no_dialect(document)
    canonical = canonical_pipeline(raw, unresolved="keep" if prefix else None)
    for each in read_wrapped(canonical) if prefix else ():
        _tell(each, prefix + text_path(each.key, raw), document, lenient=True)
    pipeline: Pipeline | None = None
    try:
        try:
            pipeline = Pipeline.model_validate(canonical)
        except ValidationError as error:
            if not prefix:
                raise
            canonical = _without_unknown_keys(canonical, error, raw, prefix, document)
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
    for each in (*check_pipeline(pipeline, around), *unheeded(pipeline)):
        _tell(each, prefix + text_path(each.key, raw), document, lenient=bool(prefix))


def _tell(finding: Finding, path: Path, document: Document, *, lenient: bool) -> None:
    key = str(path[-1]) if path else ""
    unknown_option = lenient and finding.code == "extra_forbidden" and not is_slip(key, CLAUDE_OPTIONS)
    if finding.severity == "warning" or unknown_option:
        document.warn(finding.code, path, finding.message, finding.fix, word=finding.word)
    else:
        document.report(finding.code, path, finding.message, finding.expected, finding.fix, word=finding.word)


def _without_unknown_keys(
    canonical: dict[str, JsonValue], error: ValidationError, raw: dict[str, JsonValue], prefix: Path, document: Document
) -> dict[str, JsonValue]:
    """The map without the keys that only pipeline_ex's silence lets in; each is told as a warning."""
    unknown: dict[Path, set[str]] = {}
    known: dict[Path, set[str]] = {}
    told = 0
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        path = canonical_path(tuple(each["loc"]), canonical)
        if each["type"] != "extra_forbidden" or not path:
            continue
        *parent, name = path
        at = tuple("prompt" if part == "prompt_parts" else part for part in parent)
        # Comparing names costs; whoever has so many unknown keys has been told enough.
        if told < MOST_FINDINGS:
            if at not in known:
                known[at] = allowed_keys(at, raw)
            if is_slip(str(name), known[at]):
                continue
            message = f"'{clip(str(name), 80)}' is no key of this place and has no effect"
            document.warn("unknown_key", prefix + text_path((*at, name), raw), message, "remove it")
            told += 1
        unknown.setdefault(tuple(parent), set()).add(str(name))
    return without(canonical, {path: frozenset(names) for path, names in unknown.items()})


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
            _tell(each, prefix + each.key, document, lenient=bool(prefix))


def _stand_in(step: JsonValue, index: int) -> JsonValue:
    """A step that only holds the name and the variables of one that is broken."""
    raw = step if isinstance(step, dict) else {}
    name, variables = raw.get("name"), raw.get("variables")
    usable = isinstance(name, str) and re.match(NAME_PATTERN, name)
    stand_in: dict[str, JsonValue] = {"name": name if usable else f"step_{index}_", "type": "set_variable"}
    return {**stand_in, "variables": variables} if isinstance(variables, dict) else stand_in


def _report_no_dialect(document: Document) -> None:
    """The map is of neither dialect."""
    raw = cast("dict[str, JsonValue]", document.value)
    fix = 'expected format: {"workflow": {...}}, or `name:` and `steps:` with at least one step'
    message = "Configuration missing required 'workflow' section"
    if "name" in raw or "steps" in raw:
        message = f"there are no steps. {message}"
    document.report(NO_STEPS, ("steps",), message, "steps, under `workflow:` or at the top", fix)


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
