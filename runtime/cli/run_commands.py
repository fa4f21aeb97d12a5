"""`run`, `follow`, `runs`, `cancel`."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, parse_inputs, print_json, read_definition, say
from runtime.cli.watching import Watcher, clock_of, make_watcher
from runtime.client import NodeClient, NodeUnreachableError, RequestFailedError

RECONNECT_FOR_S = 30.0
RECONNECT_EVERY_S = 0.2
WAIT_FOR_ROOM_S = 3600.0
NO_ROOM = 429
TERMINAL = ("run_succeeded", "run_failed", "run_cancelled")


def run_pipeline(
    file: Path | None,
    given: list[str],
    *,
    reference: str | None = None,
    input_file: Path | None,
    workspace: Path | None,
    key: str | None,
    follow: bool,
    as_json: bool,
    wait: bool = False,
) -> int:
    """Submits, and unless detached follows to the end. A file that exists goes before a pipeline of that name."""
    asked = str(workspace) if workspace is not None else os.environ.get("PIPELINE_WORKSPACE_DIR") or None
    body: dict[str, Any] = {
        **_what_to_run(file, reference),
        "inputs": parse_inputs(given, input_file),
        "base_dir": _working_directory(),
    }
    if asked is not None:
        body["workspace"] = asked
    if key is not None:
        body["idempotency_key"] = key
    with node_client() as client:
        accepted = submitted(client, body, wait=wait)
        if "pipeline_ref" in body:
            bound: dict[str, Any] = accepted["references"][0]
            say(f"running {bound['name']}@{bound['version']} of the node's library ({bound['content_hash'][:12]}).")
        if not follow:
            print_json(accepted) if as_json else print(accepted["run_id"])
            return exits.OK
        code = follow_until_end(client, accepted["run_id"], as_json=as_json)
        if code == exits.FAILED and "file" in str(body.get("definition")):
            say(f"its file steps worked in {accepted['workspace']}.")
        return code


def submitted(client: NodeClient, body: dict[str, Any], *, wait: bool) -> dict[str, Any]:
    """The node's answer. With `wait` a node without room is asked again when it says, for `WAIT_FOR_ROOM_S` at most."""
    deadline = time.monotonic() + WAIT_FOR_ROOM_S
    while True:
        try:
            return client.submit(body)
        except RequestFailedError as error:
            if error.status != NO_ROOM:
                raise
            pause_s = error.retry_after_s or 1.0
            if not wait:
                say(f"the node expects to have room in about {pause_s:.0f} s; `evopipe run --wait` waits for it.")
                raise
            if time.monotonic() + pause_s > deadline:
                raise
            say(f"{error.message} Waiting {pause_s:.0f} s.")
        threading.Event().wait(pause_s)


def _what_to_run(file: Path | None, reference: str | None) -> dict[str, str]:
    """The definition, or the reference to one, as a request says it."""
    if (file is None) == (reference is None):
        raise UsageProblem("name one pipeline: a FILE, or a NAME of the node's library, or --ref NAME@VERSION.")
    if file is None:
        return {"pipeline_ref": str(reference)}
    if not file.exists() and file.suffix not in {".yaml", ".yml"}:
        from pipelines.language import parse_reference

        with suppress(ValueError):
            named = str(parse_reference(str(file)))
            say(f"{file} is no file here; asking the node's library.")
            return {"pipeline_ref": named}
    definition = read_definition(file)
    if not file.suffix:
        say(f"running the file {file}; `--ref {file}` would run the library's pipeline of that name.")
    return {"definition": definition, "source": str(file.absolute())}


def follow_run(run_id: str, *, as_json: bool) -> int:
    """Follows a run that was submitted before."""
    with node_client() as client:
        return follow_until_end(client, run_id, as_json=as_json)


def list_runs(limit: int, *, as_json: bool) -> int:
    """The newest runs."""
    with node_client() as client:
        found: list[dict[str, Any]] = client.get("/v1/runs", limit=limit)["runs"]
    if as_json:
        print_json(found)
        return exits.OK
    width = max((len(str(known.get("run_id", ""))) for known in found), default=0)
    for known in found:
        began = clock_of(known.get("opened_at"), "%Y-%m-%d %H:%M:%S")
        print(
            f"{known.get('run_id', ''):<{width}}  {known.get('status', ''):<10} {began}  {known.get('pipeline_name')}"
        )
    return exits.OK


def cancel_run(run_id: str) -> int:
    """Asks for a run's end."""
    with node_client() as client:
        answer: dict[str, Any] = client.post(f"/v1/runs/{quote(run_id, safe='')}/cancel", {})
        if not answer.get("cancelled"):
            status = client.get(f"/v1/runs/{quote(run_id, safe='')}").get("status")
            say(f"{run_id} has ended already ({status}); there is nothing to cancel.")
            return exits.FAILED
    print(f"{run_id} is being cancelled.")
    return exits.OK


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError as error:
        raise UsageProblem("the working directory is gone; change to one that is there.") from error


def follow_until_end(client: NodeClient, run_id: str, *, as_json: bool) -> int:
    """Shows a run's progress and its outcome; the exit code says how it ended."""
    try:
        with make_watcher(run_id) as watcher:
            _watch(client, run_id, watcher)
        outcome = client.outcome(run_id, wait_s=30)
    except KeyboardInterrupt:
        say(f"no longer following; the run goes on (`evopipe follow {run_id}`, `evopipe cancel {run_id}`).")
        return exits.INTERRUPTED
    if as_json:
        print_json(outcome)
    else:
        _print_outcome(outcome)
    return exits.OK if outcome.get("status") == "succeeded" else exits.FAILED


def _watch(client: NodeClient, run_id: str, watcher: Watcher) -> None:
    """Shows events until the last one. A socket that goes away is looked for again: its server may be restarting."""
    seen: set[tuple[Any, Any, Any]] = set()
    lost_at: float | None = None
    while True:
        try:
            for kind, event in client.events(run_id):
                lost_at = None  # it answers again
                mark = (event.get("seq"), kind, event.get("at"))
                if mark in seen:
                    continue
                seen.add(mark)
                if kind in TERMINAL and not event.get("at"):
                    say("the node no longer keeps the progress of this run; its outcome is:")
                    return
                watcher.show(kind, event)
                if kind in TERMINAL:
                    return
        except (NodeUnreachableError, RequestFailedError) as error:
            if isinstance(error, RequestFailedError) and error.status < 500:
                raise
            now = time.monotonic()
            if lost_at is None:
                lost_at = now
                say(f"{error} Waiting {RECONNECT_FOR_S:g} s for it to come back.")
            if now - lost_at > RECONNECT_FOR_S:
                raise
        threading.Event().wait(RECONNECT_EVERY_S)


def _print_outcome(outcome: dict[str, Any]) -> None:
    error: Any = outcome.get("error")
    if outcome.get("status") != "succeeded":
        reason = cast("dict[str, Any]", error).get("message") if isinstance(error, dict) else error
        status = {"failed": "has failed", "cancelled": "was cancelled"}.get(str(outcome.get("status")), "has not ended")
        told = f"the run {status}"
        say(f"{told}: {reason or 'no reason was recorded'}" if reason != told else f"{told}.")
    outputs: Any = outcome.get("outputs") or outcome.get("results") or {}
    if isinstance(outputs, dict):
        values = list(cast("dict[str, Any]", outputs).values())
        if len(values) == 1 and isinstance(values[0], str):
            sys.stdout.write(values[0].rstrip("\n") + "\n")
            return
    if outputs:
        print_json(outcome.get("outputs") or outcome.get("results"))
