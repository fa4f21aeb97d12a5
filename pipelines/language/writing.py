"""From a `Pipeline` back to the text that a person would have written."""

from __future__ import annotations

from typing import Any, cast

import yaml
from pydantic import JsonValue

from .diagnostics import Path
from .pipeline import Pipeline
from .reading import EXPONENT
from .steps import BaseStep, ClaudeBatchStep, PipelineStep


def to_data(pipeline: Pipeline) -> dict[str, JsonValue]:
    """The definition as the map a person would write: defaults left out, prompt parts as parts."""
    data = pipeline.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    _pipeline_as_written(data, pipeline)
    return data


def _tasks_of(step: BaseStep, written: dict[str, Any]) -> list[dict[str, Any]]:
    return written.get("tasks", []) if isinstance(step, ClaudeBatchStep) else []


def _holder(written: dict[str, Any], body: Path) -> dict[str, Any]:
    """The map that holds a body's list under the last of its keys."""
    holder: Any = written
    for part in body[:-1]:
        holder = holder[part]
    return holder


def _pipeline_as_written(data: dict[str, Any], pipeline: Pipeline) -> None:
    _as_written(data, pipeline.steps, "steps", pipeline)
    if pipeline.finally_:
        _as_written(data, pipeline.finally_, "finally", pipeline)


def _as_written(data: dict[str, Any], steps: tuple[BaseStep, ...], key: str, pipeline: Pipeline) -> None:
    for step, written in zip(steps, data[key], strict=True):
        # What a reader would take to be unsaid, and fill in otherwise.
        if pipeline.on_error is not None:
            written["on_error"] = step.on_error
        if step.on_error == "fail":
            written.setdefault("retry", step.retry.model_dump(mode="json"))
        for holder in (written, *written.get("parallel_tasks", ()), *_tasks_of(step, written)):
            if "prompt_parts" in holder:
                holder["prompt"] = holder.pop("prompt_parts")
        for body, inner in step.bodies():
            _as_written(_holder(written, body), inner, str(body[-1]), pipeline)
        if isinstance(step, PipelineStep) and step.pipeline is not None:
            _pipeline_as_written(written["pipeline"], step.pipeline)


def to_yaml(pipeline: Pipeline) -> str:
    """The definition as YAML of the bare dialect; `load_pipeline(to_yaml(p))` has the content hash of `p`."""
    return data_to_yaml(to_data(pipeline))


def data_to_yaml(data: JsonValue) -> str:
    """YAML as a person would write it; `read_yaml` reads the same value from it."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; in quotes what our reader would take for a number."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return cast("Any", dumper).represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
cast("Any", _Dumper).add_implicit_resolver("tag:yaml.org,2002:float", EXPONENT, list("-+0123456789"))
