"""`kill`, `arm`, `switches`."""

from __future__ import annotations

import contextlib
import getpass
from pathlib import Path
from typing import Any

from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, reachable_places, say
from runtime.client import NodeUnreachableError, RequestFailedError
from runtime.settings import make_private

LEVELS = ("node", "pipeline", "provider")


def trigger(level: str, name: str, reason: str) -> int:
    """Triggers a switch; with no node to ask, by the file that every node looks at."""
    _check(level, name)
    socket_path, state_dir = reachable_places()
    try:
        with node_client(timeout_s=5.0, socket_path=socket_path) as client:
            state: dict[str, Any] = client.post("/v1/kill-switches", _body(level, name, reason))
    except NodeUnreachableError:
        return _by_file(state_dir, level, name, reason)
    problems: list[Any] = state.get("problems") or []
    for problem in problems:
        say(str(problem))
    print(f"triggered: {_what(level, name)} ({reason})")
    if level == "provider":
        _doubt(socket_path, name)
    return exits.OK


def _doubt(socket_path: Path, provider: str) -> None:
    """A slip in the name would leave the provider that was meant at work."""
    with (
        contextlib.suppress(NodeUnreachableError, RequestFailedError),
        node_client(5.0, socket_path=socket_path) as node,
    ):
        known: list[str] = list(node.get("/v1/status")["providers"])
        if provider not in known:
            say(f"this node has no provider {provider!r}, so nothing has stopped; it has {', '.join(known)}.")


def arm(level: str, name: str, reason: str) -> int:
    """Makes a switch ready again."""
    _check(level, name)
    socket_path, _ = reachable_places()
    with node_client(socket_path=socket_path) as client:
        client.post("/v1/kill-switches/arm", _body(level, name, reason))
    print(f"armed: {_what(level, name)} is ready again ({reason})")
    return exits.OK


def show(*, as_json: bool) -> int:
    """What is triggered now."""
    with node_client() as client:
        state: dict[str, Any] = client.get("/v1/kill-switches")
    if as_json:
        print_json(state)
        return exits.OK
    triggered: list[dict[str, Any]] = state.get("triggered") or []
    for switch in triggered:
        what = _what(str(switch.get("level")), str(switch.get("name") or ""))
        print(f"triggered: {what} by {switch.get('who') or '?'}: {switch.get('reason') or 'no reason given'}")
    problems: list[Any] = state.get("problems") or []
    for problem in problems:
        say(str(problem))
    if not triggered:
        print("no kill switch is triggered.")
    return exits.OK


def _by_file(state_dir: Path, level: str, name: str, reason: str) -> int:
    directory = state_dir / "kill"
    make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / (level if level == "node" else f"{level}.{name}")
    file.write_text(reason + "\n", encoding="utf-8")
    say(
        f"no node answers, so the file {file} was written: it triggers the switch of a node that hangs or starts. "
        "Remove the file before you arm the switch."
    )
    return exits.OK


def _check(level: str, name: str) -> None:
    if level not in LEVELS:
        raise UsageProblem(f"{level!r} is no level; give one of {', '.join(LEVELS)}.")
    if level == "node" and name:
        raise UsageProblem("the node switch has no name; write `evopipe kill node`.")
    if level != "node" and not name:
        raise UsageProblem(f"which {level}? Write `evopipe kill {level} NAME`.")
    if "/" in name or "\0" in name:
        raise UsageProblem(f"{name!r} cannot be the name of a {level}.")


def _body(level: str, name: str, reason: str) -> dict[str, object]:
    return {"level": level, "name": name, "reason": reason, "who": _user()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "cli"  # a uid without an entry, as in containers


def _what(level: str, name: str) -> str:
    return f"{level} {name}".strip()
