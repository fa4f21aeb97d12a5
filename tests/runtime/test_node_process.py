"""The whole node as a user meets it: the real command, the real socket, the offline provider."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon
PIPELINE = """\
name: rain
inputs: {topic: {type: string}}
steps:
  - {name: ask, type: claude, prompt: "Say a word about {{ inputs.topic }}"}
  - {name: again, type: claude, prompt: "Improve: {{ steps.ask.result }}"}
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "rain.yaml").write_text(PIPELINE, encoding="utf-8")
        yield command


def test_up_run_down(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    done = evopipe("run", "rain.yaml", "--input", "topic=rain")
    assert done.returncode == exits.OK, done.stderr
    assert "rain" in json.loads(done.stdout)["again"]
    assert "step succeeded ask" in done.stderr
    assert "socket_server" in evopipe("tree").stdout
    assert evopipe("up").returncode == exits.ALREADY_RUNNING
    assert evopipe("down").returncode == exits.OK
    assert not evopipe.socket.exists()
    assert evopipe("status").returncode == exits.UNREACHABLE


def test_the_node_kill_switch_refuses_until_it_is_armed(evopipe: Command) -> None:
    evopipe("up")
    assert evopipe("kill", "node", "--reason", "a test").returncode == exits.OK
    refused = evopipe("run", "rain.yaml", "-i", "topic=x")
    assert refused.returncode == exits.REFUSED
    assert "a test" in refused.stderr
    assert evopipe("arm", "node").returncode == exits.OK
    assert evopipe("run", "rain.yaml", "-i", "topic=x").returncode == exits.OK


def test_inputs_and_files_that_are_wrong_are_told_with_code_2(evopipe: Command) -> None:
    evopipe("up")
    wrong = evopipe("run", "rain.yaml", "-i", "topik=x")
    assert (wrong.returncode, "did you mean 'topic'" in wrong.stderr) == (exits.INVALID, True)
    (evopipe.home / "bad.yaml").write_text("name: x\nsteps:\n  - {name: a, type: clod}\n", encoding="utf-8")
    bad = evopipe("run", "bad.yaml")
    assert bad.returncode == exits.INVALID
    assert "bad.yaml:3:" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_after_kill_9_the_next_node_starts_and_knows_the_runs(evopipe: Command) -> None:
    evopipe("up")
    evopipe("run", "rain.yaml", "-i", "topic=x")
    pid = int(evopipe.status()["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    assert evopipe.socket.exists()
    assert evopipe("up").returncode == exits.OK
    assert "succeeded" in evopipe("runs").stdout


def test_a_killed_socket_server_answers_again(evopipe: Command) -> None:
    evopipe("up")
    assert evopipe("kill-actor", "socket_server").returncode == exits.OK
    assert evopipe.status()["pid"] > 0


def test_a_client_that_leaves_mid_stream_does_not_trouble_the_node(evopipe: Command) -> None:
    evopipe("up")
    run_id = evopipe("run", "rain.yaml", "-i", "topic=x", "--detach").stdout.strip()
    transport = httpx.HTTPTransport(uds=str(evopipe.socket))
    with (
        httpx.Client(transport=transport, base_url="http://evopipe") as client,
        client.stream("GET", f"/v1/runs/{run_id}/events") as answer,
    ):
        assert next(answer.iter_lines()) == ": evopipe"
    assert evopipe("follow", run_id).returncode == exits.OK


def test_invalid_settings_at_start_are_told_with_code_2(evopipe: Command) -> None:
    evopipe.env["EVOPIPE_JOURNAL__SYNCHRONOUS"] = "sometimes"
    done = evopipe("up")
    assert done.returncode == exits.INVALID
    assert "EVOPIPE_JOURNAL__SYNCHRONOUS" in done.stderr


def test_a_metrics_port_in_use_is_told(evopipe: Command) -> None:
    evopipe("up")
    port = evopipe.status()["metrics"].rsplit(":", 1)[1].split("/")[0]
    other = {**evopipe.env, "EVOPIPE_METRICS__PORT": port, "EVOPIPE_STATE_DIR": str(evopipe.home / "other")}
    first, evopipe.env = evopipe.env, {**other, "EVOPIPE_SOCKET_PATH": str(evopipe.home / "run" / "o.sock")}
    done = evopipe("up")
    evopipe.env = first
    assert done.returncode == exits.FAILED
    assert "in use" in done.stderr
