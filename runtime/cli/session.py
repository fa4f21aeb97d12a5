"""What commands share: a client for the configured socket, errors as sentences and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from runtime.cli import exits
from runtime.client import NodeClient, NodeUnreachableError, RequestFailedError
from runtime.settings import SettingsError, load_settings


class UsageProblem(Exception):
    """What was given cannot be used; the text says what to give."""


@contextmanager
def node_client(timeout_s: float = 60.0) -> Generator[NodeClient]:
    """A client of the node that the settings name."""
    with NodeClient(load_settings().socket_path, timeout_s=timeout_s) as client:
        yield client


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
                sys.stderr.write(f"  {detail_line(detail)}\n")
            return exits.code_of_status(error.status)
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
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def detail_line(detail: Any) -> str:
    """One detail of an error answer as a line."""
    if isinstance(detail, str):
        return detail
    if isinstance(detail, dict):
        facts = cast("dict[str, Any]", detail)
        if "text" in facts:
            return str(facts["text"])
        if "key" in facts and "message" in facts:
            return f"{facts['key']}: {facts['message']}"
    return json.dumps(detail, ensure_ascii=False)


def read_definition(file: Path) -> str:
    """The text of a pipeline file. Raises `UsageProblem`."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageProblem(f"{file} is not UTF-8 (byte {error.start}); `evopipe validate {file}` says more.") from error
    except OSError as error:
        raise UsageProblem(f"{file} cannot be read: {error.strerror}.") from error


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
            inputs[key.removesuffix(":")] = json.loads(text)
        except ValueError as error:
            raise UsageProblem(f"--input {item!r}: what follows := is not JSON ({error}).") from error
    return inputs


def _inputs_in(file: Path) -> dict[str, Any]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
        # JSON first: YAML would read "on" or 1e3 otherwise than a JSON file means it.
        loaded: Any = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageProblem(f"--input-file {file} cannot be read: {error}.") from error
    if not isinstance(loaded, dict):
        raise UsageProblem(f"--input-file {file} must hold a mapping of input names to values.")
    return cast("dict[str, Any]", loaded)
