"""Values that only a file of the `workflow:` dialect may hold: what pipeline_ex lets pass gets its meaning or a
warning, what pipeline_ex refuses is refused in its words.

The map is canonical, its steps are changed in place; findings stand at canonical keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, get_args

from pydantic import JsonValue

from pipelines.language.checks import CLAUDE_OPTIONS, Finding
from pipelines.language.diagnostics import Path
from pipelines.language.dialects.tolerance import is_slip
from pipelines.language.steps import Preset
from pipelines.presets import DEFAULT_PRESET

JsonMap = dict[str, JsonValue]

PRESETS: Final[tuple[str, ...]] = get_args(Preset)
_HANDLERS: Final = ("console", "simple", "debug", "file", "callback", "buffer")


def read_wrapped(canonical: JsonMap) -> list[Finding]:
    """Applies every rule to the steps of `canonical`, the inner ones too."""
    findings: list[Finding] = []
    defaults = canonical.get("defaults")
    common: set[str] = set()
    if isinstance(defaults, dict):
        options = defaults.get("claude_options")
        if isinstance(options, dict):
            common = set(options)
            findings += _unknown_options(options, ("defaults", "claude_options"))
            canonical["defaults"] = {**defaults, "claude_options": _known(options)}
        if (preset := _unknown_preset(defaults.get("claude_preset"))) is not None:
            findings.append(_preset_finding(preset, ("defaults", "claude_preset")))
    for at, step in _steps(canonical.get("steps"), ("steps",)):
        _preset(step, at, findings)
        _output(step, at, findings)
        if step.get("type") == "for_loop" and "iterator" not in step:
            message = "For loop requires 'iterator' field"
            findings.append(Finding("missing", (*at, "iterator"), message, "a name", "add `iterator: item`"))
        for where, holder in _asked(step, at):
            _options(holder, where, common, findings)
    return findings


def _steps(steps: JsonValue, at: Path) -> Iterator[tuple[Path, JsonMap]]:
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            continue
        here = (*at, index)
        yield here, step
        yield from _steps(step.get("steps"), (*here, "steps"))
        yield from _steps(step.get("default"), (*here, "default"))
        cases = step.get("cases")
        for number, case in enumerate(cases if isinstance(cases, list) else ()):
            if isinstance(case, dict):
                yield from _steps(case.get("steps"), (*here, "cases", number, "steps"))
        inner = step.get("pipeline")
        if isinstance(inner, dict):
            yield from _steps(inner.get("steps"), (*here, "pipeline", "steps"))


def _asked(step: JsonMap, at: Path) -> Iterator[tuple[Path, JsonMap]]:
    yield at, step
    for key in ("tasks", "parallel_tasks"):
        tasks = step.get(key)
        for index, task in enumerate(tasks if isinstance(tasks, list) else ()):
            if isinstance(task, dict):
                yield (*at, key, index), task


def _options(holder: JsonMap, at: Path, common: set[str], findings: list[Finding]) -> None:
    """Unknown options are left out; the three that pipeline_ex's loader looks at are looked at."""
    options = holder.get("claude_options")
    if not isinstance(options, dict):
        return
    here = (*at, "claude_options")
    findings += [each for each in _unknown_options(options, here) if each.key[-1] not in common]
    holder["claude_options"] = _known(options)
    streams = options.get("async_streaming")
    if streams is not None and not isinstance(streams, bool):
        findings.append(
            _refused((*here, "async_streaming"), "async_streaming must be a boolean", "write true or false")
        )
    if streams is not True:
        return
    handler, size = options.get("stream_handler"), options.get("stream_buffer_size")
    if handler is not None and handler not in _HANDLERS:
        message = f"stream_handler must be one of: {', '.join(_HANDLERS)}"
        findings.append(_refused((*here, "stream_handler"), message, "write one of these"))
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        message = "stream_buffer_size must be a positive integer"
        findings.append(_refused((*here, "stream_buffer_size"), message, "write a number from 1"))


def _refused(key: Path, message: str, fix: str) -> Finding:
    return Finding("value_error", key, message, fix=fix)


def _known(options: JsonMap) -> JsonMap:
    """The options that have a meaning, or are meant to have one: a slip is an error."""
    return {key: value for key, value in options.items() if key in CLAUDE_OPTIONS or is_slip(key, CLAUDE_OPTIONS)}


def _unknown_options(options: JsonMap, at: Path) -> list[Finding]:
    return [
        Finding("unknown_key", (*at, name), f"'{name}' is no key of this place and has no effect", "", "remove it",
                "warning")
        for name in options.keys() - _known(options).keys()
    ]  # fmt: skip


def _unknown_preset(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and "{{" not in value and value not in PRESETS else None


def _preset_finding(preset: str, key: Path) -> Finding:
    message = f"there is no preset '{preset}', so it means {DEFAULT_PRESET}"
    return Finding("unknown_preset", key, message, "", f"write one of: {', '.join(PRESETS)}", "warning")


def _preset(step: JsonMap, at: Path, findings: list[Finding]) -> None:
    if (preset := _unknown_preset(step.get("preset"))) is not None:
        findings.append(_preset_finding(preset, (*at, "preset")))
        step["preset"] = DEFAULT_PRESET


def _output(step: JsonMap, at: Path, findings: list[Finding]) -> None:
    """`output_to_file: {path, format}` means the path; what is written follows from the result."""
    output = step.get("output_to_file")
    path = output.get("path") if isinstance(output, dict) else None
    if isinstance(output, dict) and isinstance(path, str):
        step["output_to_file"] = path
        if output.keys() - {"path"}:
            message = "of output_to_file only `path` has an effect; texts are written as they are, the rest as JSON"
            findings.append(Finding("no_effect", (*at, "output_to_file"), message, "", "write the path", "warning"))
