"""`inspect`, `suspend`, `resume` and `tree --watch` against a real node."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, read_until


@contextmanager
def watch(evopipe: Command) -> Generator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "runtime.cli", "tree", "--watch"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, cwd=evopipe.home, env=evopipe.env) as watching:
        try:
            yield watching
        finally:
            watching.kill()


def test_a_real_nodes_actors_are_inspected_held_up_and_watched_to_its_end() -> None:
    with node_home() as evopipe:
        assert evopipe("up").returncode == exits.OK
        journal = evopipe("inspect", "journal")
        assert journal.returncode == exits.OK, journal.stderr
        assert "parent" in journal.stdout
        assert "foundation" in journal.stdout

        missing = evopipe("inspect", "nobody")
        assert (missing.returncode, "no live actor" in missing.stderr) == (exits.INVALID, True)

        assert "suspended: memory" in evopipe("suspend", "memory").stdout
        assert json.loads(evopipe("inspect", "memory", "--json").stdout)["status"] == "suspended"
        assert "suspended" in evopipe("tree").stdout
        assert "resumed: memory" in evopipe("resume", "memory").stdout
        assert json.loads(evopipe("inspect", "memory", "--trace", "5", "--json").stdout)["trace"] == []

        with watch(evopipe) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            read_until(watching.stdout, "socket_server")
            assert evopipe("kill-actor", "memory").returncode == exits.OK
            read_until(watching.stdout, "restarts 1")
            (restart,) = json.loads(evopipe("inspect", "memory", "--json").stdout)["restart_history"]
            assert (restart["supervisor"], restart["child_id"], restart["reason"]) == (
                "memory_desk",
                "memory",
                "killed",
            )
            assert "by memory_desk: killed" in evopipe("inspect", "memory").stdout
            assert evopipe("down").returncode == exits.OK
            assert watching.wait(timeout=10) == exits.UNREACHABLE
            assert b"the node has gone away" in watching.stderr.read()


def test_without_a_node_the_watch_ends_at_once() -> None:
    with node_home() as evopipe:
        done = evopipe("tree", "--watch")
        assert done.returncode == exits.UNREACHABLE
        assert "no node answers" in done.stderr
