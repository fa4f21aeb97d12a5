"""Large results in a real node: kept once, read by every later step also after kill -9, shown by reference, fetched
whole, and told of when they are damaged."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import pytest

from runtime.cli import exits
from runtime.client import NodeClient, RequestFailedError
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon

ROWS = 12_000
PIPELINE = """\
name: heavy
steps:
  - {name: big, type: file_ops, operation: read, path: rows.json}
  - {name: pause, type: test_echo, value: "{{ steps.big.content[0].id }}", delay_s: 2}
  - name: shorter
    type: data_transform
    depends_on: [pause]
    input_source: "{{ steps.big.content }}"
    output_field: rows
    operations: [{operation: filter, field: id, condition: "id < 3"}]
  - name: each
    type: for_loop
    depends_on: [pause]
    data_source: "{{ steps.big.content[:2] }}"
    iterator: row
    steps: [{name: id, type: test_echo, value: "{{ loop.row.id }} of {{ steps.big.content | length }}"}]
  - name: put
    type: file_ops
    operation: write
    depends_on: [pause]
    path: copy.json
    content: "{{ steps.big.content }}"
  - {name: only, type: test_echo, depends_on: [pause], condition: "length(big.content) > 1000", value: many}
  - name: inner
    type: pipeline
    depends_on: [pause]
    inputs: {rows: "{{ steps.big.content }}"}
    pipeline:
      name: counting
      inputs: {rows: {type: list}}
      steps: [{name: count, type: test_echo, value: "{{ inputs.rows | length }}"}]
outputs:
  rows: "{{ steps.big.content }}"
  few: "{{ steps.shorter.rows | length }}"
  passes: "{{ steps.each.iterations | map(attribute='results') | list }}"
  only: "{{ steps.only }}"
  counted: "{{ steps.inner.result.count }}"
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "heavy.yaml").write_text(PIPELINE, encoding="utf-8")
        workspace = command.home / "workspace"
        workspace.mkdir()
        rows = [{"id": number, "text": "a row of some length " * 2} for number in range(ROWS)]
        (workspace / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        yield command


def client_of(evopipe: Command) -> NodeClient:
    return NodeClient(evopipe.socket, timeout_s=30)


def until_recorded(evopipe: Command, run_id: str, step: str) -> dict[str, Any]:
    """The run once the step's result is in the journal; fails after 10 s."""
    deadline = time.monotonic() + 10
    with client_of(evopipe) as client:
        while time.monotonic() < deadline:
            known = client.get(f"/v1/runs/{run_id}")
            if step in known["steps"]:
                return known
    raise AssertionError(f"{step} has no result")


def kill_9(evopipe: Command) -> None:
    pid = int(evopipe.status()["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def test_every_later_step_reads_a_large_result_also_after_kill_9(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    run_id = evopipe("run", "heavy.yaml", "--detach").stdout.strip()
    known = until_recorded(evopipe, run_id, "big")
    noted = known["large"]["big"]
    assert noted["bytes"] > 500_000
    assert len(noted["sha256"]) == 64
    assert len(json.dumps(known)) < 20_000
    kill_9(evopipe)
    assert evopipe("up").returncode == exits.OK
    with client_of(evopipe) as client:
        outcome = client.outcome(run_id, wait_s=30)
        assert outcome["status"] == "succeeded", outcome["error"]
        outputs = outcome["outputs"]
        assert len(outputs["rows"]) == ROWS
        assert (outputs["few"], outputs["only"], outputs["counted"]) == (3, "many", ROWS)
        assert [each["id"] for each in outputs["passes"]] == [f"{number} of {ROWS}" for number in (0, 1)]
        assert outcome["results"]["big"]["large_value"]["sha256"] == noted["sha256"]
        whole = b"".join(client.chunks(f"/v1/runs/{run_id}/results/big"))
        assert len(whole) == noted["bytes"]
        assert len(json.loads(whole)["content"]) == ROWS
    assert len(json.loads((evopipe.home / "workspace" / "copy.json").read_text())) == ROWS


def test_outputs_beyond_the_limit_come_by_reference_and_result_fetches_them(evopipe: Command) -> None:
    evopipe.env["EVOPIPE_LIMITS__ANSWER_BYTES"] = "65536"
    assert evopipe("up").returncode == exits.OK
    done = evopipe("run", "heavy.yaml", "--json")
    assert done.returncode == exits.OK, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["outputs"]["few"] == 3
    assert outcome["outputs"]["rows"]["large_value"]["fetch"] == f"/v1/runs/{outcome['run_id']}/outputs"
    assert "bytes, sha256" in done.stderr
    fetched = evopipe("result", outcome["run_id"], "--output", "outputs.json")
    assert fetched.returncode == exits.OK, fetched.stderr
    assert len(json.loads((evopipe.home / "outputs.json").read_text())["rows"]) == ROWS
    assert evopipe("result", outcome["run_id"], "only").stdout == "many\n"
    assert evopipe("result", outcome["run_id"], "each[1]/id").stdout == f"1 of {ROWS}\n"
    missing = evopipe("result", outcome["run_id"], "nobody")
    assert (missing.returncode, "no result of a step 'nobody'" in missing.stderr) == (exits.INVALID, True)


@pytest.mark.parametrize("damage", ["UPDATE blobs SET body = substr(body, 1, 1000)", "DELETE FROM blobs"])
def test_a_step_that_needs_a_damaged_result_fails_and_the_node_lives(evopipe: Command, damage: str) -> None:
    assert evopipe("up").returncode == exits.OK
    run_id = evopipe("run", "heavy.yaml", "--detach").stdout.strip()
    until_recorded(evopipe, run_id, "big")
    kill_9(evopipe)
    (file,) = evopipe.home.rglob("journal.sqlite3")
    with sqlite3.connect(file) as journal:
        journal.execute(damage)
    journal.close()
    assert evopipe("up").returncode == exits.OK
    with client_of(evopipe) as client:
        outcome = client.outcome(run_id, wait_s=30)
        assert (outcome["status"], outcome["error"]["code"]) == ("failed", "result_lost")
        assert "the result of step 'big'" in outcome["error"]["message"]
        with pytest.raises(RequestFailedError) as refused:
            b"".join(client.chunks(f"/v1/runs/{run_id}/results/big"))
        assert refused.value.code == "result_lost"
    again = evopipe("run", "heavy.yaml")
    assert again.returncode == exits.OK, again.stderr
