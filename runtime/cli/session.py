"""What commands share: a client for the configured socket, errors as sentences and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from runtime.cli import exits
from runtime.client import NodeClient, NodeUnreachableError, RequestFailedError
from runtime.settings import SettingsError, likely_places, load_settings

LARGEST_DEFINITION_BYTES = 2 * 1024 * 1024  # the language's own limit; known here without loading it


class UsageProblem(Exception):
    """What was given cannot be used; the text says what to give."""


@contextmanager
def node_client(timeout_s: float | None = None, *, socket_path: Path | None = None) -> Generator[NodeClient]:
    """A client of the node that the settings name, or of the one on `socket_path`. Without `timeout_s` it waits as long
    as the node may take to say why there is no answer."""
    if socket_path is not None:
        made = NodeClient(socket_path, timeout_s=timeout_s)
    else:
        settings = load_settings()
        patience_s = settings.limits.request_timeout_s
        made = NodeClient(settings.socket_path, timeout_s=timeout_s, request_timeout_s=patience_s)
    with made as client:
        yield client


def reachable_places() -> tuple[Path, Path]:
    """Socket and state directory for what must work beside a broken settings file: `kill`, `arm`, `down`.

    What the settings say of other things is not looked at. Where the file leaves the places in doubt, it is told.
    """
    socket_path, state_dir, certain = likely_places()
    if not certain:
        try:
            settings = load_settings()
        except SettingsError as error:
            say(f"the settings cannot be used; trying the node on {socket_path}:\n{error}")
        else:
            return settings.socket_path, settings.state_dir
    return socket_path, state_dir


def told(error: Exception) -> int:
    """Tells `error` on stderr and gives its exit code. What is not foreseen is raised again: it is a bug to report."""
    match error:
        case SettingsError():
            say(f"the settings cannot be used:\n{error}")
            return exits.INVALID
        case UsageProblem():
            say(str(error))
            return exits.INVALID
        case NodeUnreachableError():
            say(str(error))
            return exits.UNREACHABLE
        case RequestFailedError():
            say(error.message)
            for detail in error.details:
                line = detail_line(detail)
                if line.rstrip(".") not in error.message:
                    sys.stderr.write(f"  {line}\n")
            return exits.REFUSED if error.code == "guardrail" else exits.code_of_status(error.status)
        case OSError():
            say(str(error))
            return exits.FAILED
        case _:
            raise error


def say(sentence: str) -> None:
    """One sentence on stderr."""
    sys.stderr.write(f"evopipe: {sentence}\n")


def print_json(value: object) -> None:
    """`value` on stdout, readable."""
    beyond_ascii = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not beyond_ascii) + "\n")


def detail_line(detail: Any) -> str:
    """One detail of an error answer as a line."""
    if isinstance(detail, str):
        return detail
    if isinstance(detail, dict):
        facts = cast("dict[str, Any]", detail)
        if "text" in facts:
            return str(facts["text"])
        if "level" in facts and "reason" in facts:
            switch = f"{facts['level']} {facts.get('name') or ''}".strip()
            return f"{switch}: {facts['reason']} (by {facts.get('who')})"
        if "key" in facts and "message" in facts:
            return f"{facts['key']}: {facts['message']}"
    return json.dumps(detail, ensure_ascii=False)


def read_definition(file: Path) -> str:
    """The text of a pipeline file. Raises `UsageProblem`; too large or not UTF-8 is told with line and column."""
    try:
        raw = read_bounded(file, LARGEST_DEFINITION_BYTES)
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}; check the path.") from error
    if len(raw) <= LARGEST_DEFINITION_BYTES:
        with suppress(UnicodeDecodeError):
            return raw.decode("utf-8-sig")
    from pipelines.language import InvalidPipelineError, decode_text

    try:
        return decode_text(raw, str(file))
    except InvalidPipelineError as error:
        raise UsageProblem(str(error)) from error


def read_bounded(file: Path, most: int) -> bytes:
    """The file's bytes, at most one more than `most`: a file that never ends (/dev/zero) must not fill the memory."""
    with file.open("rb") as stream:
        return stream.read(most + 1)


def parse_inputs(given: list[str], input_file: Path | None) -> dict[str, Any]:
    """Inputs from `--input-file`, overridden by `--input`. `key=text` stays text, `key:=JSON` is decoded."""
    inputs: dict[str, Any] = _inputs_in(input_file) if input_file is not None else {}
    for item in given:
        key, mark, text = item.partition("=")
        if not mark or not key.rstrip(":"):
            raise UsageProblem(f"--input {item!r} has no value; write --input key=text, or key:=JSON.")
        if not key.endswith(":"):
            inputs[key] = text
            continue
        try:
            inputs[key.removesuffix(":")] = _json(text)
        except ValueError as error:
            raise UsageProblem(f"--input {item!r}: what follows := is not JSON ({error}).") from error
    return inputs


def _json(text: str) -> Any:
    from pipelines.language import parse_json

    return parse_json(text)


def _inputs_in(file: Path) -> dict[str, Any]:
    from pipelines.language import InvalidPipelineError, decode_text, parse_json, read_yaml

    try:
        text = decode_text(read_bounded(file, LARGEST_DEFINITION_BYTES), str(file))
        # JSON first: YAML would read "on" or 1e3 otherwise than a JSON file means it.
        if file.suffix == ".json":
            loaded: Any = parse_json(text)
        else:
            document = read_yaml(text, str(file))
            if document.findings:
                raise InvalidPipelineError(document.all_findings())
            loaded = document.value
    except InvalidPipelineError as error:
        raise UsageProblem(f"--input-file: {error}") from error
    except (OSError, ValueError) as error:
        raise UsageProblem(f"--input-file {file} cannot be read: {error}.") from error
    if not isinstance(loaded, dict):
        raise UsageProblem(f"--input-file {file} must hold a mapping of input names to values.")
    return cast("dict[str, Any]", loaded)
