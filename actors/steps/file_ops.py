"""`file_ops`: what a step does with the files of the workspace, all of it through the jail."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Mapping
from typing import Final, assert_never

from pydantic import JsonValue

from actors.steps.context import StepContext
from actors.steps.disk_refusals import shown
from actors.steps.errors import WorkspaceFileError
from actors.steps.file_checks import Judged, judge_file, refuse
from actors.steps.jail import MAX_BYTES, Entry, Jail
from pipelines.conversion import ConversionError, convert, csv_text, read_csv
from pipelines.language import FileOpsStep, parse_json, render, render_text
from pipelines.language.patterns import UnsafePatternError, compile_pattern

#: What `list` with `include_content` gives at the most, in bytes of all files together.
MAX_LISTED_BYTES: Final = 32 * 1024 * 1024
# What a shell pattern has no use for.
_REGULAR: Final = re.compile(r"[\\^$+(){}|]|\.[*+?]")


async def operate(context: StepContext) -> JsonValue:
    """Raises `OutsideWorkspaceError`, `WorkspaceFileError`, `TemplateError`, or `WorkspaceDiskError`."""
    step: FileOpsStep = context.step
    scope, jail = context.scope, context.jail
    path = render_text(step.path or "", scope)
    source = render_text(step.source or "", scope)
    destination = render_text(step.destination or "", scope)
    match step.operation:
        case "read":
            text = await context.in_thread(jail.read_text, path)
            content = await context.in_thread(parse_content, path, text)
            return {**_said(step, path=path), "content": content, "text": text}
        case "write":
            size = await context.in_thread(jail.write_text, path, file_text(path, render(step.content, scope)))
            return {**_said(step, path=path), "size": size}
        case "list":
            return await _list(context, path)
        case "copy" | "stream_copy":
            await context.in_thread(jail.copy, source, destination)
            return _said(step, source=source, destination=destination)
        case "move":
            await context.in_thread(jail.move, source, destination)
            return _said(step, source=source, destination=destination)
        case "delete":
            await context.in_thread(jail.delete, path)
            return _said(step, path=path)
        case "exists":
            standing = await context.in_thread(jail.look, path)
            kind = None if standing is None else standing.kind
            return {**_said(step, path=path), "exists": standing is not None, "kind": kind}
        case "validate":
            return await _validate(context)
        case "convert":
            await context.in_thread(_convert, jail, source, destination, str(step.format))
            return {**_said(step, source=source, destination=destination), "format": step.format}
        case "stream_process":
            return await _process(context, source, destination)
        case _:
            assert_never(step.operation)


async def _validate(context: StepContext) -> JsonValue:
    step: FileOpsStep = context.step
    paths = [render_text(check.path, context.scope) for check in step.files]

    def judge() -> list[Judged]:
        return [judge_file(context.jail, check, path) for check, path in zip(step.files, paths, strict=True)]

    found = await context.in_thread(judge)
    refuse(found)
    results: list[JsonValue] = [each.facts for each in found]
    return {"operation": step.operation, "results": results, "status": "all_valid"}


def _convert(jail: Jail, source: str, destination: str, conversion: str) -> None:
    text = jail.read_text(source)
    try:
        converted = convert(text, conversion)
    except ConversionError as error:
        raise WorkspaceFileError(f"{shown(source)} cannot be converted ({conversion}): {error}") from error
    jail.write_text(destination, converted)


async def _process(context: StepContext, source: str, destination: str) -> JsonValue:
    step: FileOpsStep = context.step
    text = await context.in_thread(context.jail.read_text, source)
    old, new = (render_text(each or "", context.scope) for each in (step.pattern, step.replacement))
    text = _processed(text, str(step.processor), old, new)
    if step.destination is None:
        return {**_said(step, source=source), "processor": step.processor, "text": text}
    size = await context.in_thread(context.jail.write_text, destination, text)
    return {**_said(step, source=source, destination=destination), "processor": step.processor, "size": size}


def _processed(text: str, processor: str, old: str, new: str) -> str:
    match processor:
        case "uppercase":
            return text.upper()
        case "lowercase":
            return text.lower()
        case "trim":
            return "\n".join(line.strip() for line in text.split("\n"))
        case "replace":
            if not old:
                raise WorkspaceFileError("the pattern to replace is empty")
            if len(text) + text.count(old) * (len(new) - len(old)) > MAX_BYTES:
                raise WorkspaceFileError(f"replacing {old[:40]!r} would make more than {MAX_BYTES} bytes")
            return text.replace(old, new)
        case _:
            return text


async def _list(context: StepContext, path: str) -> JsonValue:
    step: FileOpsStep = context.step
    jail = context.jail
    pattern = None if step.pattern is None else render_text(step.pattern, context.scope)
    entries = await context.in_thread(jail.list, path, recursive=step.recursive)
    files: list[JsonValue] = []
    room = MAX_LISTED_BYTES
    for entry in entries:
        if pattern is not None and not fits(entry, pattern):
            continue
        file: dict[str, JsonValue] = {"name": entry.name, "path": entry.path, "size": entry.size}
        if step.include_content:
            room -= entry.size
            if room < 0:
                raise WorkspaceFileError(
                    f"the files of {shown(path)} hold more than {MAX_LISTED_BYTES} bytes; narrow the pattern, or list "
                    "without include_content and read them one by one"
                )
            file["content"] = await context.in_thread(jail.read_text, entry.path)
        files.append(file)
    return {**_said(step, path=path), "files": files, "count": len(files)}


def fits(entry: Entry, pattern: str) -> bool:
    """Whether a file's name fits a shell pattern (`*.txt`), or contains the regular expression that it is otherwise.

    Never both: as a regular expression `h*.txt` would also find every other `.txt`.
    """
    shell = any(mark in pattern for mark in "*?[") and not _REGULAR.search(pattern)
    if shell or pattern.startswith(("*", "?")):
        return fnmatch.fnmatchcase(entry.name, pattern)
    try:
        compiled = compile_pattern(pattern)
    except UnsafePatternError as error:
        raise WorkspaceFileError(f"the pattern {pattern!r} cannot be used: {error}") from error
    if compiled is None:
        raise WorkspaceFileError(f"the pattern {pattern!r} is neither a shell pattern nor a regular expression")
    return compiled.search(entry.name)


def parse_content(path: str, text: str) -> JsonValue:
    """JSON for `.json`, a list of rows for `.csv` (every value as text), the text itself for everything else."""
    if path.endswith(".json"):
        try:
            return parse_json(text)
        except ValueError as error:
            raise WorkspaceFileError(f"{shown(path)} is not JSON: {error}") from error
    if path.endswith(".csv"):
        try:
            return read_csv(text)
        except ConversionError as error:
            raise WorkspaceFileError(f"{shown(path)} is not CSV: {error.problem}") from error
    return text


def file_text(path: str, content: JsonValue) -> str:
    """The text to write: text as it is, rows as CSV for `.csv`, everything else as indented JSON."""
    if isinstance(content, str):
        return content
    if path.endswith(".csv") and isinstance(content, list) and all(isinstance(row, Mapping) for row in content):
        return csv_text(content)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _said(step: FileOpsStep, **facts: JsonValue) -> dict[str, JsonValue]:
    return {"operation": step.operation, **facts, "status": "completed"}
