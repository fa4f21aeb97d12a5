"""Who waits for a run while the node is told to end."""

from __future__ import annotations

import json
import re

from runtime.cli import exits
from runtime.client import NodeClient
from runtime.unix_http import UnixConnection
from tests.node_for_tests import node_home

LONG = "name: long\nsteps: [{name: a, type: test_echo, value: x, delay_s: 600}]\n"


def test_a_client_that_waits_is_told_that_its_run_is_not_over_and_the_node_ends_in_order() -> None:
    with node_home() as evopipe:
        assert evopipe("up").returncode == exits.OK
        waiting = UnixConnection(evopipe.socket)
        waiting.connect()
        body = json.dumps({"definition": LONG, "wait": True, "timeout_s": 60})
        waiting.request("POST", "/v1/runs", body, {"Content-Type": "application/json"})
        with NodeClient(evopipe.socket) as client:
            while not client.get("/v1/runs")["runs"]:  # until it is let in; each look is a request of its own
                pass
        assert evopipe("down", "--now").returncode == exits.OK
        answer = waiting.getresponse()
        told = json.loads(answer.read())
        assert (answer.status, told["status"]) == (202, "running")
        assert evopipe("up").returncode == exits.OK
        with NodeClient(evopipe.socket) as client:
            assert client.get(f"/v1/runs/{told['run_id']}")["status"] == "running"
        logs = "".join(path.read_text(encoding="utf-8") for path in evopipe.home.rglob("*.log"))
        assert "node_stopped" in logs
        assert not re.findall("stop_failed|Traceback|crashed", logs)
