"""The whole node as a user meets it: the real command, the real socket, the offline provider."""

from __future__ import annotations

import json
import os
import signal
import time
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


def following(evopipe: Command, words: str) -> list[dict[str, str]]:
    """The log's lines with `words`, as soon as there is one; fails after 10 s."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [json.loads(line) for line in evopipe("logs").stdout.splitlines() if words in line]
        if found:
            return found
    raise AssertionError(f"no log line has {words!r}")


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
    assert evopipe("arm", "node", "--reason", "looked at").returncode == exits.OK
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
    assert f"127.0.0.1:{port}" in done.stderr
    assert "metrics.port" in done.stderr


def test_a_broken_settings_file_keeps_nobody_from_stopping_the_node(evopipe: Command) -> None:
    evopipe("up")
    broken = evopipe.home / ".config" / "evopipe" / "evopipe.yaml"
    broken.parent.mkdir(parents=True)
    broken.write_text("limits: [", encoding="utf-8")
    try:
        killed = evopipe("kill", "pipeline", "rain", "--reason", "too dear")
        assert (killed.returncode, "triggered: pipeline rain" in killed.stdout) == (exits.OK, True)
        assert f"{broken}:" in killed.stderr
        assert evopipe("arm", "pipeline", "rain", "--reason", "looked at").returncode == exits.OK
        assert evopipe("down").returncode == exits.OK
    finally:
        broken.unlink()  # else a node left by a failure here would not be found and ended
    assert not evopipe.socket.exists()


def test_who_triggered_a_kill_switch_and_why_is_in_the_log(evopipe: Command) -> None:
    evopipe("up")
    evopipe("kill", "provider", "offline", "--reason", "too dear")
    evopipe("arm", "provider", "offline", "--reason", "paid for")
    lines = [json.loads(line) for line in evopipe("logs").stdout.splitlines()]
    told = [(line["event"], line["switch"], line["reason"]) for line in lines if "switch" in line]
    assert told == [
        ("kill_switch_triggered", "provider offline", "too dear"),
        ("kill_switch_armed", "provider offline", "paid for"),
    ]


def test_a_kill_of_a_provider_that_is_not_there_is_doubted(evopipe: Command) -> None:
    evopipe("up")
    done = evopipe("kill", "provider", "antropic")
    assert (done.returncode, "it has anthropic, gemini, offline" in done.stderr) == (exits.OK, True)


def test_cancelling_a_run_that_has_ended_says_so(evopipe: Command) -> None:
    evopipe("up")
    run_id = json.loads(evopipe("run", "rain.yaml", "-i", "topic=x", "--json").stdout)["run_id"]
    done = evopipe("cancel", run_id)
    assert done.returncode == exits.FAILED
    assert "has ended already (succeeded)" in done.stderr


def test_follow_says_that_the_progress_of_before_a_restart_is_gone(evopipe: Command) -> None:
    evopipe("up")
    run_id = json.loads(evopipe("run", "rain.yaml", "-i", "topic=x", "--json").stdout)["run_id"]
    evopipe("down")
    evopipe("up")
    done = evopipe("follow", run_id)
    assert (done.returncode, "no longer keeps the progress" in done.stderr) == (exits.OK, True)
    assert "--:--:--" not in done.stderr


def test_limits_that_a_reload_cannot_change_are_told(evopipe: Command) -> None:
    evopipe("up")
    file = evopipe.home / ".config" / "evopipe" / "evopipe.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("limits: {concurrent_runs: 5, drain_s: 3}\n", encoding="utf-8")
    os.kill(int(evopipe.status()["pid"]), signal.SIGHUP)
    (line,) = following(evopipe, "need a restart")
    assert line["event"].endswith("take effect: limits.concurrent_runs")
