"""`result`: fetches what a run or one of its steps has made, however large."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, say


def fetch_result(run_id: str, step: str | None, output: Path | None, *, as_json: bool) -> int:
    """Text as it is, anything else as JSON; to `output` (which then has all of it or is untouched) or to stdout."""
    path = f"/v1/runs/{quote(run_id, safe='')}"
    path += "/outputs" if step is None else f"/results/{quote(step, safe='/')}"
    with tempfile.TemporaryFile() as kept, node_client() as client:
        for chunk in client.chunks(path):
            kept.write(chunk)
        kept.seek(0)
        if output is None:
            sys.stdout.flush()
            _write(kept, sys.stdout.buffer, step, as_json=as_json)
            sys.stdout.buffer.flush()
            return exits.OK
        _replace(output, kept, step, as_json=as_json)
    say(f"{output} has {output.stat().st_size} bytes.")
    return exits.OK


def _write(kept: IO[bytes], target: IO[bytes], step: str | None, *, as_json: bool) -> None:
    if as_json:
        while piece := kept.read(1 << 20):
            target.write(piece)
        target.write(b"\n")
        return
    value: Any = json.load(kept)
    if step is None:
        value = _single(cast("dict[str, Any]", value).get("outputs"))
    elif isinstance(value, dict):
        facts = cast("dict[str, Any]", value)
        value = facts.get("result", facts)
    if not isinstance(value, str):
        value = json.dumps(value, indent=2, ensure_ascii=False)
    # A model's text may hold lone surrogates, which no file can.
    target.write(value.encode("utf-8", "backslashreplace"))
    if not value.endswith("\n"):
        target.write(b"\n")


def _single(outputs: Any) -> Any:
    """The only output if it is text, as `run` prints it."""
    named = cast("dict[str, Any]", outputs or {})
    values = list(named.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else named


def _replace(output: Path, kept: IO[bytes], step: str | None, *, as_json: bool) -> None:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        raise UsageProblem(f"--output {output} cannot be written: {error.strerror}; name another place.") from error
    try:
        with os.fdopen(handle, "wb") as target:
            _write(kept, target, step, as_json=as_json)
        Path(name).replace(output)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
