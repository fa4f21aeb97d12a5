"""A real node whose journal is in PostgreSQL: kill -9, the server away and back, a second node, the upkeep commands."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone
from tests.postgres_for_tests import Server, postgres, why_not

pytestmark = pytest.mark.daemon

SLOW = """\
name: two
steps:
  - {name: a, type: test_echo, value: one}
  - {name: slow, type: test_echo, value: "{{ steps.a }}", delay_s: 3}
"""
BIG = "name: big\nsteps: [{name: a, type: file_ops, operation: read, path: big.txt}]\n"
QUICK = "name: quick\nsteps: [{name: a, type: test_echo, value: done}]\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    missing = why_not()
    if missing is not None:
        pytest.skip(missing)
    with postgres() as running:
        yield running


@pytest.fixture
def evopipe(server: Server) -> Iterator[Command]:
    with node_home() as command:
        command.env["EVOPIPE_JOURNAL__URL"] = server.new_url()
        (command.home / "slow.yaml").write_text(SLOW, encoding="utf-8")
        (command.home / "quick.yaml").write_text(QUICK, encoding="utf-8")
        (command.home / "big.yaml").write_text(BIG, encoding="utf-8")
        yield command


def test_a_run_goes_on_after_kill_9_and_repeats_no_recorded_step(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    run_id = evopipe("run", "slow.yaml", "--detach").stdout.strip()
    deadline = time.monotonic() + 15
    while not json.loads(evopipe("history", run_id, "--json").stdout)["steps"]:
        assert time.monotonic() < deadline
    first = json.loads(evopipe("history", run_id, "--json").stdout)["steps"][0]
    pid = evopipe.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    assert evopipe("up").returncode == exits.OK
    assert evopipe("follow", run_id).returncode == exits.OK
    found = json.loads(evopipe("history", run_id, "--json").stdout)
    assert found["status"] == "succeeded"
    assert found["steps"][0] == first
    assert [step["step"] for step in found["steps"]] == ["a", "slow"]
    replayed = evopipe("replay", run_id, "--from", "slow")
    assert replayed.returncode == exits.OK, replayed.stderr
    assert evopipe("vacuum").returncode == exits.OK
    assert evopipe("fsck").returncode == exits.OK
    assert not list(evopipe.home.rglob("journal.sqlite3"))


def test_a_server_that_goes_away_and_comes_back_needs_no_restart_of_the_node(evopipe: Command, server: Server) -> None:
    assert evopipe("up").returncode == exits.OK
    server.stop()
    refused = evopipe("run", "quick.yaml")
    assert refused.returncode != exits.OK
    assert "journal" in refused.stderr
    server.start()
    again = evopipe("run", "quick.yaml")
    assert again.returncode == exits.OK, again.stderr


def test_a_journal_is_moved_from_sqlite_and_its_unfinished_runs_go_on(evopipe: Command) -> None:
    url = evopipe.env.pop("EVOPIPE_JOURNAL__URL")
    (evopipe.home / "slow.yaml").write_text(SLOW.replace("delay_s: 3", "delay_s: 300"), encoding="utf-8")
    (evopipe.home / "big.txt").write_text("x" * 400_000, encoding="utf-8")
    assert evopipe("up").returncode == exits.OK
    assert evopipe("run", "big.yaml", "-w", ".").returncode == exits.OK
    run_id = evopipe("run", "slow.yaml", "--detach").stdout.strip()
    deadline = time.monotonic() + 15
    while not (steps := json.loads(evopipe("history", run_id, "--json").stdout)["steps"]):
        assert time.monotonic() < deadline
    evopipe.env["EVOPIPE_JOURNAL__URL"] = url
    assert evopipe("journal", "copy").returncode == exits.ALREADY_RUNNING
    evopipe.end()
    copied = json.loads(evopipe("journal", "copy", "--json").stdout)
    assert (copied["runs"], copied["steps"] >= 2, copied["values"] >= 1) == (2, True, True)
    assert evopipe("up").returncode == exits.OK
    found = json.loads(evopipe("history", run_id, "--json").stdout)
    assert (found["status"], found["steps"]) == ("running", steps)
    told = json.loads(evopipe("audit", "--tail", "50", "--json").stdout)["entries"]
    assert {"journal.copied", "run.resumed"} <= {entry["action"] for entry in told}


def test_a_second_node_on_the_same_journal_does_not_start(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    with node_home() as other:
        other.env["EVOPIPE_JOURNAL__URL"] = evopipe.env["EVOPIPE_JOURNAL__URL"]
        refused = other("up")
        assert refused.returncode != exits.OK
        assert "another node uses this journal" in refused.stderr
    assert evopipe("run", "quick.yaml").returncode == exits.OK


def test_a_url_that_leads_nowhere_is_told_without_its_password(evopipe: Command) -> None:
    evopipe.env["EVOPIPE_JOURNAL__URL"] = "postgresql+psycopg://me:canary@/db?host=/nonexistent"
    refused = evopipe("up")
    assert refused.returncode != exits.OK
    assert "cannot be reached" in refused.stderr or "cannot be used" in refused.stderr
    assert "canary" not in refused.stderr
    evopipe.env["EVOPIPE_JOURNAL__URL"] = "mysql://x"
    refused = evopipe("up")
    assert refused.returncode == exits.INVALID
    assert "postgresql+psycopg://" in refused.stderr
