"""`inspect`, `suspend`, `resume`, `tree --watch`."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from typing import Any
from urllib.parse import quote

from runtime.cli import exits
from runtime.cli.node_commands import fact_lines, tree_lines
from runtime.cli.session import node_client, print_json, say
from runtime.cli.streams import unguarded
from runtime.cli.watching import clock_of
from runtime.client import NodeUnreachableError, RequestFailedError

WATCH_EVERY_S = 1.0
CLEAR = "\x1b[H\x1b[J"


def inspect_actor(name: str, *, keep: int | None, as_json: bool) -> int:
    """One actor's facts. `keep` begins (or, with 0, ends) its trace first."""
    with node_client() as client:
        path = _path(name)
        report: dict[str, Any] = client.get(path) if keep is None else client.post(f"{path}/trace", {"keep": keep})
    if as_json:
        print_json(report)
    else:
        print("\n".join(report_lines(report)))
    return exits.OK


def suspend_actor(name: str) -> int:
    """Holds an actor up."""
    with node_client() as client:
        report: dict[str, Any] = client.post(f"{_path(name)}/suspend", {})
    print(f"suspended: {report['label']}; {report['mailbox']} in its mailbox. `evopipe resume` lets it go on.")
    return exits.OK


def resume_actor(name: str) -> int:
    """Lets an actor go on."""
    with node_client() as client:
        report: dict[str, Any] = client.post(f"{_path(name)}/resume", {})
    print(f"resumed: {report['label']}; {report['mailbox']} in its mailbox.")
    return exits.OK


def watch_tree(*, as_json: bool) -> int:
    """The tree until Ctrl-C: redrawn each second on a terminal, elsewhere printed at every change (JSON: a line each).

    Ends with `exits.UNREACHABLE` when the node goes away.
    """
    last: list[str] | None = None
    with node_client() as client:
        while True:
            try:
                found: dict[str, Any] = client.get("/v1/tree")
            except NodeUnreachableError as error:
                if last is None:
                    raise
                say(f"the node has gone away: {error}")
                return exits.UNREACHABLE
            except RequestFailedError as error:
                if last is None or error.status < 500:
                    raise
                say(error.message)  # it is restarting a part of itself, or very busy
            else:
                lines = tree_lines(found)
                if lines != last:
                    if as_json:
                        _show(json.dumps(found))
                    else:
                        _show(_page(lines, first=last is None), redraw=sys.stdout.isatty())
                last = lines
            threading.Event().wait(WATCH_EVERY_S)


def _page(lines: list[str], *, first: bool) -> str:
    if not sys.stdout.isatty():
        return "\n".join(lines if first else ["", *lines])
    height = shutil.get_terminal_size().lines - 1
    if len(lines) > height:
        lines = [*lines[: height - 1], f"... and {len(lines) - height + 1} more lines"]
    return "\n".join(lines)


def _show(text: str, *, redraw: bool = False) -> None:
    if redraw:
        terminal = unguarded("stdout")
        terminal.write(CLEAR)
        terminal.flush()
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report_lines(report: dict[str, Any]) -> list[str]:
    """A report as lines: facts first, then lists that are not empty, state, restarts, trace."""
    activity: dict[str, Any] = report["activity"]
    doing = " ".join(str(part) for part in (activity["what"], activity["message"]) if part)
    if activity["since_s"] is not None:
        doing += f", since {activity['since_s']:.3f} s"
    if activity["calling"]:
        doing += f", calls {activity['calling']}"
    facts: dict[str, Any] = {
        "name": report["label"],
        "class": f"{report['actor_class']} #{report['id']}",
        "status": report["status"],
        "doing": doing,
        "where": activity["where"],
        "uptime": f"{report['uptime_s']:.1f} s",
        "mailbox": f"{report['mailbox']} of {report['mailbox_limit']} ({report['mailbox_policy']})",
        "replies owed": report["owes"],
        "restarts": report["restarts"],
        "parent": report["parent"],
    }
    for key in ("links", "monitors", "monitored_by", "timers", "tasks"):
        if report[key]["count"]:
            facts[key.replace("_", " ")] = _listed(report[key])
    lines = fact_lines(facts)
    if report["state"]:
        lines += ["state:", *fact_lines(report["state"], "  ")]
    if report["restart_history"]:
        lines += ["restart history:", *(_restart_line(restart) for restart in report["restart_history"])]
    if report["trace"] is not None:
        lines += ["trace:", *(_traced_line(message) for message in report["trace"])]
    return lines


def _listed(listed: dict[str, Any]) -> str:
    more = listed["count"] - len(listed["first"])
    return ", ".join(listed["first"]) + (f" and {more} more" if more else "")


def _restart_line(restart: dict[str, Any]) -> str:
    when = clock_of(restart["at"], "%Y-%m-%d %H:%M:%S")
    return f"  {when} by {restart['supervisor']}: {' '.join(restart['reason'].split())}"


def _traced_line(message: dict[str, Any]) -> str:
    took = "" if message["took_s"] is None else f" in {message['took_s'] * 1000:.1f} ms"
    return f"  {message['age_s']:.1f} s ago, {message['came']}: {message['summary']}: {message['outcome']}{took}"


def _path(name: str) -> str:
    return f"/v1/actors/{quote(name, safe='')}"
