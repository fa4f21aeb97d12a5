"""`kill`, `arm`, `switches`."""

from __future__ import annotations

import contextlib
import getpass
from pathlib import Path
from typing import Any

from pipelines.guardrails.kill_switch import (
    NAMELESS,
    InvalidSwitchError,
    Key,
    KillStateError,
    Level,
    key_of,
    label,
    parse,
)
from runtime.cli import exits
from runtime.cli.session import UsageProblem, node_client, print_json, reachable_places, say
from runtime.cli.switch_by_file import by_file
from runtime.client import NodeUnreachableError, RequestFailedError

LARGEST_STATE_BYTES = 10_000_001
ANSWER_S = 2.0
"""How long `kill` waits for a node before it takes the way that needs no answer."""


def trigger(level: str, name: str, reason: str) -> int:
    """Triggers a switch; where no node answers, by the file that every node and its watchdog look at."""
    key = _key(level, name)
    socket_path, state_dir = reachable_places()
    try:
        with node_client(timeout_s=ANSWER_S, socket_path=socket_path) as client:
            state: dict[str, Any] = client.post("/v1/kill-switches", _body(level, name, reason))
    except NodeUnreachableError:
        return by_file(socket_path, state_dir, key, reason)
    problems: list[Any] = state.get("problems") or []
    for problem in problems:
        say(str(problem))
    print(f"triggered: {label(key)} ({reason})")
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


def show_reach(level: str, name: str) -> int:
    """What a switch would stop now."""
    key = _key(level, name)
    socket_path, _ = reachable_places()
    with node_client(socket_path=socket_path) as client:
        reach: dict[str, Any] = client.post("/v1/kill-switches/dry-run", {"level": level, "name": name})
    print(f"kill {label(key)} would stop now:" if not reach["in_force"] else f"kill {label(key)} is in force already:")
    for what, shown in (("runs", "runs"), ("steps_in_flight", "steps in flight"), ("evolutions", "evolutions")):
        found: dict[str, Any] = reach[what]
        first: list[str] = found["first"]
        more = f", and {found['count'] - len(first)} more" if first and found["count"] > len(first) else ""
        print(f"  {shown}: {found['count']}" + (f" ({', '.join(first)}{more})" if first else ""))
    if reach["unanswered"]:
        say(f"{reach['unanswered']} runs did not answer; they are not counted.")
    return exits.OK


def arm(level: str, name: str, reason: str) -> int:
    """Makes a switch ready again."""
    key = _key(level, name)
    if not reason.strip():
        raise UsageProblem("arming needs a reason: say with --reason why it is safe to go on.")
    socket_path, _ = reachable_places()
    with node_client(socket_path=socket_path) as client:
        client.post("/v1/kill-switches/arm", _body(level, name, reason))
    print(f"armed: {label(key)} is ready again ({reason})")
    return exits.OK


def show(*, as_json: bool) -> int:
    """What is triggered now; of a node that does not answer, what it left on the disk."""
    try:
        with node_client() as client:
            state: dict[str, Any] = client.get("/v1/kill-switches")
    except NodeUnreachableError:
        tell_latched(reachable_places()[1])
        raise
    if as_json:
        print_json(state)
        return exits.OK
    triggered: list[dict[str, Any]] = state.get("triggered") or []
    for switch in triggered:
        what = f"{switch.get('level')} {switch.get('name') or ''}".strip()
        print(f"triggered: {what} by {switch.get('who') or '?'}: {switch.get('reason') or 'no reason given'}")
    problems: list[Any] = state.get("problems") or []
    for problem in problems:
        say(str(problem))
    if not triggered:
        print("no kill switch is triggered.")
    return exits.OK


def tell_latched(state_dir: Path) -> None:
    """Says which switches the next start will find."""
    try:
        with (state_dir / "kill_switches.json").open("rb") as file:
            kept = parse(file.read(LARGEST_STATE_BYTES))
    except FileNotFoundError:
        return
    except (OSError, KillStateError) as error:
        say(f"the kept kill switches cannot be read ({error}): the next start holds everything.")
        return
    for switch in kept.values():
        say(f"on the disk: {switch}. It holds the next start, too, until it is armed.")


def _key(level: str, name: str) -> Key:
    if level not in set(Level):
        raise UsageProblem(f"{level!r} is no level; give one of {', '.join(Level)}.")
    if level in NAMELESS and name:
        raise UsageProblem(f"the {level} switch has no name; write `evopipe kill {level}`.")
    if level not in NAMELESS and not name:
        raise UsageProblem(f"which {level}? Write `evopipe kill {level} NAME`.")
    try:
        return key_of(level, name)
    except InvalidSwitchError as error:
        raise UsageProblem(f"{error}.") from error


def _body(level: str, name: str, reason: str) -> dict[str, object]:
    return {"level": level, "name": name, "reason": reason, "who": _user()}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return None  # a uid without an entry, as in containers: the node says which
