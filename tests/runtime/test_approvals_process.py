"""Questions to people at a whole node: the command line, the socket, kill -9, expiry while the node is down."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home

pytestmark = pytest.mark.daemon
ASKS = """\
name: release
inputs: {secret: {type: string, default: canary-91c4}}
steps:
  - {name: build, type: test_echo, value: {files: 3, key: "{{ inputs.secret }}"}}
  - name: ask
    type: approval
    message: "Release {{ steps.build.files }} files?"
    preview: {files: "{{ steps.build.files }}"}
    fields: {count: integer}
    %s
  - {name: done, type: test_echo, value: "{{ steps.ask.data.count }}"}
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "asks.yaml").write_text(ASKS % "on_reject: fail", encoding="utf-8")
        (command.home / "short.yaml").write_text(ASKS % "expires_in: 2s", encoding="utf-8")
        assert command("up").returncode == exits.OK
        yield command


def pending(evopipe: Command, count: int = 1) -> list[dict[str, Any]]:
    """What waits, as soon as there are so many."""
    return until(lambda: found if len(found := json.loads(evopipe("approvals", "--json").stdout)) == count else None)


def until(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
    raise AssertionError("it did not come true")


def submit(evopipe: Command, file: str = "asks.yaml") -> str:
    return evopipe("run", file, "--detach").stdout.strip()


def test_a_question_survives_kill_9_is_answered_from_the_command_line_and_the_run_ends(evopipe: Command) -> None:
    run_id = submit(evopipe)
    (before,) = pending(evopipe)
    assert (before["id"], before["message"]) == (f"{run_id}/ask", "Release 3 files?")
    evopipe.end()
    assert evopipe("up").returncode == exits.OK
    (after,) = pending(evopipe)
    assert after == before
    shown = evopipe("approvals", run_id).stdout
    assert all(
        word in shown for word in ("Release 3 files?", '"files": 3', f"evopipe approve {run_id}/ask --data count")
    )
    unfit = evopipe("approve", run_id, "--data", "count=three")
    assert (unfit.returncode, "data.count: Expected integer" in unfit.stderr) == (exits.INVALID, True)
    done = evopipe("approve", run_id, "--data", "count=3", "--comment", "go", "--json")
    assert done.returncode == exits.OK, done.stderr
    answer = json.loads(done.stdout)["answer"]
    assert (answer["by"], answer["data"], answer["comment"]) == (getpass.getuser(), {"count": 3}, "go")
    ended = evopipe("follow", run_id, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["results"]["done"]) == (exits.OK, 3)
    late = evopipe("reject", f"{run_id}/ask", "--comment", "no")
    assert late.returncode == exits.INVALID
    assert f"was answered with 'approve' by {getpass.getuser()} at " in late.stderr
    evopipe.end()  # and the next node knows it, too
    assert evopipe("up").returncode == exits.OK
    assert "was answered with 'approve'" in evopipe("reject", f"{run_id}/ask").stderr
    assert f"{run_id}/ask approved by" in evopipe("approvals", f"{run_id}/ask").stdout


def test_a_rejection_ends_the_run_and_following_it_shows_what_it_waited_for(evopipe: Command) -> None:
    run_id = submit(evopipe)
    pending(evopipe)
    assert evopipe("reject", run_id, "--comment", "not on a Friday").returncode == exits.OK
    ended = evopipe("follow", run_id)
    assert ended.returncode == exits.FAILED
    assert f"step waiting ask (Release 3 files?; answer with: evopipe approve {run_id}/ask)" in ended.stderr
    assert "not on a Friday" in ended.stderr


def test_an_expiry_while_the_node_was_down_takes_effect_at_the_next_start(evopipe: Command) -> None:
    run_id = submit(evopipe, "short.yaml")
    pending(evopipe)
    evopipe.end()
    over = time.time() + 2.0
    until(lambda: True if time.time() > over else None)
    assert evopipe("up").returncode == exits.OK
    ended = evopipe("follow", run_id)
    assert (ended.returncode, "nobody answered in time" in ended.stderr) == (exits.FAILED, True)
    assert "nothing waits for an answer" in evopipe("approvals").stdout


def test_a_kill_switch_takes_the_question_away_until_it_is_armed(evopipe: Command) -> None:
    run_id = submit(evopipe)
    (before,) = pending(evopipe)
    assert evopipe("kill", "pipeline", "release", "--reason", "a test").returncode == exits.OK
    pending(evopipe, 0)
    assert "paused by a kill switch" in evopipe("approve", f"{run_id}/ask", "--data", "count=1").stderr
    assert evopipe("arm", "pipeline", "release", "--reason", "checked").returncode == exits.OK
    assert pending(evopipe) == [before]


def test_the_socket_takes_strict_answers_and_keeps_the_user_of_the_connection(evopipe: Command) -> None:
    run_id = submit(evopipe)
    pending(evopipe)
    transport = httpx.HTTPTransport(uds=str(evopipe.socket))
    with httpx.Client(transport=transport, base_url="http://evopipe", timeout=20) as client:
        path = f"/v1/approvals/{run_id}%2Fask"
        seen = client.get(path).json()
        assert (seen["status"], seen["preview"], seen["answer"]) == ("pending", {"files": 3}, None)
        assert client.get("/v1/approvals", params={"run": "other"}).json() == {"approvals": []}
        for body, status, code in (
            ({"aprove": True}, 422, "invalid_request"),
            ({}, 422, "unfit_answer"),
            ({"choice": "maybe"}, 422, "unfit_answer"),
            ({"approve": True, "data": {"count": 1, "pad": "x" * 70_000}}, 413, "data_too_large"),
        ):
            refused = client.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (status, code), refused.text
        assert client.get("/v1/approvals/nothing").status_code == 404
        said = client.post(path, json={"approve": True, "data": {"count": 1}, "who": "the pope"}).json()
        assert said["answer"]["by"] == f"the pope (through {getpass.getuser()})"
        again = client.post(path, json={"approve": True, "data": {"count": 1}})
        assert (again.status_code, again.json()["error"]["details"][0]["by"]) == (409, said["answer"]["by"])
        assert "canary-91c4" not in json.dumps([seen, said, again.json(), client.get("/v1/approvals").json()])
    assert "canary-91c4" not in evopipe("logs").stdout


def test_a_node_whose_runs_only_wait_goes_down_without_waiting_for_them(evopipe: Command) -> None:
    submit(evopipe)
    pending(evopipe)
    began = time.monotonic()
    assert evopipe("down").returncode == exits.OK
    assert time.monotonic() - began < 15
    assert evopipe("up").returncode == exits.OK
    pending(evopipe)
