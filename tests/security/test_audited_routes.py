"""Every route that changes something leaves an entry that says who: a real node, each route used once.

A new route that is no GET gets a line here, or in `HARMLESS` when it changes nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from runtime.cli import exits
from runtime.gateway.roles import NEEDED
from tests.bad_input.live import SMALL, LiveNode
from tests.node_for_tests import node_home

pytestmark = pytest.mark.daemon

HARMLESS = {("POST", "/v1/validate"), ("POST", "/v1/kill-switches/dry-run")}
WHY = {"reason": "a test"}
ASKS = "name: asks\nsteps:\n  - {name: ask, type: approval, message: Go?}\n"
FAILS = "name: fails\nsteps:\n  - {name: a, type: file_ops, operation: read, path: nothing.txt, on_error: fail}\n"
TALKS = "name: talk\nsteps:\n  - {name: a, type: claude_session, prompt: hi, session_config: {session_name: s}}\n"
SWITCH = {"level": "pipeline", "name": "nobody", **WHY}
Deed = Callable[["Node"], httpx.Response]


class Node(LiveNode):
    """The node and what the deeds need of each other."""

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self.client.request(method, path, content=None if body is None else json.dumps(body))

    def made(self, definition: str) -> str:
        """A run that has ended."""
        return self.run(definition).body["run_id"]

    def question(self) -> str:
        self.post("/v1/runs", {"definition": ASKS})
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if waiting := self.get("/v1/approvals").body["approvals"]:
                return waiting[0]["id"]
        raise AssertionError("no question came")

    def entries(self) -> list[dict[str, Any]]:
        return self.get("/v1/audit?tail=1000").body["entries"]


def on_actor(deed: str, body: object) -> Deed:
    return lambda node: node.ask("POST", f"/v1/actors/connection.offline.1/{deed}", body)


def session(node: Node) -> httpx.Response:
    node.made(TALKS)
    name = node.get("/v1/sessions").body["sessions"][0]["name"]
    return node.ask("DELETE", f"/v1/sessions/{name}")


DEEDS: dict[tuple[str, str], tuple[str, Deed]] = {
    ("POST", "/v1/runs"): ("run.submitted", lambda node: node.ask("POST", "/v1/runs", {"definition": SMALL})),
    ("POST", "/v1/runs/{run_id}/cancel"): (
        "run.cancel_asked",
        lambda node: node.ask("POST", f"/v1/runs/{node.made(SMALL)}/cancel", {}),
    ),
    ("POST", "/v1/runs/{run_id}/replay"): (
        "run.submitted",
        lambda node: node.ask("POST", f"/v1/runs/{node.made(SMALL)}/replay", {"from_step": "a"}),
    ),
    ("POST", "/v1/runs/{run_id}/resume"): (
        "run.resume_asked",
        lambda node: node.ask("POST", f"/v1/runs/{node.made(FAILS)}/resume", {}),
    ),
    ("POST", "/v1/journal/vacuum"): ("journal.vacuumed", lambda node: node.ask("POST", "/v1/journal/vacuum", {})),
    ("PUT", "/v1/pipelines/{name}"): (
        "pipeline.registered",
        lambda node: node.ask("PUT", "/v1/pipelines/small", {"definition": SMALL}),
    ),
    ("PUT", "/v1/pipelines/{name}/{version}"): (
        "pipeline.registered",
        lambda node: node.ask("PUT", "/v1/pipelines/small/7.0.0", {"definition": SMALL}),
    ),
    ("DELETE", "/v1/pipelines/{name}/{version}"): (
        "pipeline.unregistered",
        lambda node: node.ask("DELETE", "/v1/pipelines/small/7.0.0"),
    ),
    ("POST", "/v1/approvals/{approval_id:path}"): (
        "approval.answered",
        lambda node: node.ask("POST", f"/v1/approvals/{node.question()}", {"approve": True}),
    ),
    ("POST", "/v1/trust"): (
        "trust.set",
        lambda node: node.ask("POST", "/v1/trust", {"target": "asks/ask", "threshold": 0.9, **WHY}),
    ),
    ("POST", "/v1/kill-switches"): (
        "kill_switch.triggered",
        lambda node: node.ask("POST", "/v1/kill-switches", SWITCH),
    ),
    ("POST", "/v1/kill-switches/arm"): (
        "kill_switch.armed",
        lambda node: node.ask("POST", "/v1/kill-switches/arm", SWITCH),
    ),
    ("POST", "/v1/breakers/{order}"): (
        "breaker.ordered",
        lambda node: node.ask("POST", "/v1/breakers/open", {"name": "provider:gemini", **WHY}),
    ),
    ("POST", "/v1/budgets"): (
        "budget.changed",
        lambda node: node.ask("POST", "/v1/budgets", {"path": "day", "usd": "7", **WHY}),
    ),
    ("POST", "/v1/evolutions"): (
        "evolution.started",
        lambda node: node.ask("POST", "/v1/evolutions", {"definition": SMALL, "generations": 1, "population": 2}),
    ),
    ("DELETE", "/v1/sessions/{name:path}"): ("session.forgotten", session),
    ("POST", "/v1/actors/{name:path}/suspend"): ("actor.suspended", on_actor("suspend", {})),
    ("POST", "/v1/actors/{name:path}/resume"): ("actor.resumed", on_actor("resume", {})),
    ("POST", "/v1/actors/{name:path}/trace"): ("actor.traced", on_actor("trace", {"keep": 5})),
    ("POST", "/v1/actors/{name:path}/kill"): ("actor.killed", on_actor("kill", None)),
    ("POST", "/v1/shutdown"): ("node.stop_asked", lambda node: node.ask("POST", "/v1/shutdown", {"now": True})),
}


def use_each(node: Node) -> str:
    """Uses every route and finds its entry; gives who it was."""
    me = ""
    for route, (action, deed) in DEEDS.items():
        answer = deed(node)
        assert answer.status_code < 300, (route, answer.text)
        if route[1] == "/v1/shutdown":
            break
        deadline = time.monotonic() + 10  # an entry that nobody waits for is written within 50 ms
        while not (made := [each for each in node.entries() if each["action"] == action]):
            assert time.monotonic() < deadline, f"{route} left no {action}"
        me = me or made[-1]["who"]
        assert made[-1]["who"] == me, (route, made[-1])
    return me


def test_each_route_that_changes_something_is_known_here() -> None:
    changing = {route for route in NEEDED if route[0] != "GET"}
    assert set(DEEDS) | HARMLESS == changing


def test_what_somebody_changes_through_any_route_is_in_the_audit_log_with_who_did_it() -> None:
    with node_home() as evopipe:
        evopipe.env |= {"EVOPIPE_STATE_DIR": str(evopipe.home / "state"), "EVOPIPE_ROUTES__CLAUDE": "offline"}
        assert evopipe("up").returncode == exits.OK
        node = Node(evopipe)
        try:
            me = use_each(node)
        finally:
            node.close()
        assert evopipe("audit", "verify").returncode == exits.OK
        told = json.loads(evopipe("audit", "--tail", "1000", "--json").stdout)["entries"]
        counted = [each["action"] for each in told if each["who"] == me]
        assert counted.count("run.submitted") >= 7  # two of them by `runs` and `replay`, five that others needed
        assert counted.count("pipeline.registered") == 2
        assert "node.stop_asked" in counted
