"""`up`, `down`, `status`, `tree`, `ps`, `logs`, `kill-actor`."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, cast
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.session import node_client, print_json, reachable_places, say
from runtime.client import NodeUnreachableError
from runtime.settings import SettingsError, load_settings

DOWN_MARGIN_S = 20.0
USUAL_DRAIN_S = 30.0
POLL_S = 0.05


def start(*, foreground: bool) -> int:
    """Starts the node, here or in the background."""
    if foreground:
        from runtime.daemon import run_daemon

        return run_daemon()
    from runtime.daemon.detach import StartFailed, start_detached
    from runtime.daemon.exits import DaemonError
    from runtime.daemon.places import prepare_places

    settings = load_settings()
    try:
        if (mended := prepare_places(settings)) is not None:
            say(f"{mended}.")
        started = start_detached(settings.log_file)
    except (DaemonError, StartFailed) as error:
        say(error.message)
        return error.exit_code
    print(f"the node is up (pid {started.pid}, {started.seconds:.2f} s): {settings.socket_path}")
    return exits.OK


def stop(*, now: bool) -> int:
    """Asks the node to end and waits until it has."""
    from runtime.daemon.lock import AlreadyRunningError, InstanceLock

    socket_path, _ = reachable_places()
    with node_client(socket_path=socket_path) as client:
        client.post("/v1/shutdown", {"now": now})
    deadline = time.monotonic() + DOWN_MARGIN_S
    drain_known = False
    # The lock, not the socket: the socket goes early, the lock with the process.
    lock = InstanceLock.for_socket(socket_path)
    while True:
        try:
            lock.acquire()
        except AlreadyRunningError as error:
            if time.monotonic() > deadline and not drain_known:
                # Most nodes have ended by now: only the others are worth reading all of the settings.
                deadline += _drain_s()
                drain_known = True
            if time.monotonic() > deadline:
                say(f"the node (pid {error.pid}) has not ended yet; `evopipe down --now` hurries it.")
                return exits.FAILED
            threading.Event().wait(POLL_S)
        else:
            lock.release()
            print("the node is down.")
            return exits.OK


def _drain_s() -> float:
    try:
        return load_settings().limits.drain_s
    except SettingsError:
        return USUAL_DRAIN_S


def show_status(*, as_json: bool) -> int:
    """Facts about the node."""
    with node_client() as client:
        facts: dict[str, Any] = client.get("/v1/status")
    if as_json:
        print_json(facts)
        return exits.OK
    for line in fact_lines(facts):
        print(line)
    return exits.OK


def show_tree(*, as_json: bool) -> int:
    """The supervision tree."""
    with node_client() as client:
        found: dict[str, Any] = client.get("/v1/tree")
    if as_json:
        print_json(found)
    else:
        print("\n".join(tree_lines(found)))
    return exits.OK


def show_processes(*, as_json: bool) -> int:
    """All actors in a table."""
    with node_client() as client:
        actors: list[dict[str, Any]] = client.get("/v1/ps")["actors"]
    if as_json:
        print_json(actors)
        return exits.OK
    print(f"{'STATUS':<12}{'RESTARTS':>8}{'MAILBOX':>8}{'UPTIME':>10}  {'CLASS':<28}NAME")
    for actor in actors:
        uptime = actor.get("uptime_s")
        age = f"{uptime:.1f}s" if isinstance(uptime, (int, float)) else "-"
        name = actor.get("name") or actor.get("path")
        counts = f"{actor.get('restarts') or 0:>8}{actor.get('mailbox') or 0:>8}"
        print(f"{actor.get('status')!s:<12}{counts}{age:>10}  {actor.get('class')!s:<28}{name}")
    return exits.OK


def show_logs(*, follow: bool, count: int) -> int:
    """The node's log; from the file when no node answers."""
    try:
        with node_client() as client:
            query: dict[str, object] = {"tail": count, **({"follow": "yes"} if follow else {})}
            for line in client.lines("/v1/logs", **query):
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
    except NodeUnreachableError:
        if follow:
            raise
        from runtime.daemon.logs import tail

        for line in tail(load_settings().log_file, count):
            sys.stdout.write(line + "\n")
    return exits.OK


def kill_one(name: str) -> int:
    """Kills an actor by its registered name."""
    with node_client() as client:
        answer = client.post(f"/v1/actors/{quote(name, safe='')}/kill", {})
    print(f"killed: {answer['killed']} ({answer['class']})")
    return exits.OK


def fact_lines(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Nested facts as aligned lines."""
    width = max((len(key) for key, value in facts.items() if not isinstance(value, dict)), default=0)
    lines: list[str] = []
    for key, value in facts.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:")
            lines.extend(fact_lines(value, indent + "  "))  # pyright: ignore[reportUnknownArgumentType]
        else:
            lines.append(f"{indent}{key:<{width}}  {_shown(value)}")
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(str(each) for each in cast("list[object]", value)) or "-"
    return str(value)


def tree_lines(node: dict[str, Any], prefix: str = "", branch: str = "") -> list[str]:
    """A supervision tree drawn with lines."""
    facts = [str(node.get("class") or "")]
    if node.get("status") not in ("running", None):
        facts.append(str(node["status"]))
    if node.get("restarts"):
        facts.append(f"restarts {node['restarts']}")
    if node.get("mailbox"):
        facts.append(f"mailbox {node['mailbox']}")
    lines = [f"{prefix}{branch}{node.get('name') or node.get('id')}  [{', '.join(facts)}]"]
    children: list[dict[str, Any]] = node.get("children") or []
    below = prefix + ({"├─ ": "│  ", "└─ ": "   "}.get(branch, ""))
    for number, child in enumerate(children, start=1):
        lines.extend(tree_lines(child, below, "└─ " if number == len(children) else "├─ "))
    return lines
