"""The journal is there and cannot be had: another process keeps it locked, or its disk takes no writes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from runtime.cli import exits
from tests.bad_input.live import HEAD, SMALL, node_on
from tests.node_for_tests import Command, node_home

pytestmark = pytest.mark.daemon
TWO_STEPS = (
    HEAD
    + "  - {name: first, type: test_echo, value: rain, delay_s: 0.5}\n"
    + "  - {name: second, type: test_echo, value: '{{steps.first}} again'}\n"
)


@contextmanager
def home() -> Generator[Command]:
    with node_home() as evopipe:
        evopipe.env |= {
            "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
            "EVOPIPE_WORKSPACE": str(evopipe.home / "files"),
        }
        yield evopipe


@contextmanager
def locked(journal: Path) -> Generator[None]:
    """A person's `sqlite3` shell with a transaction that was begun and not ended."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_journal_that_another_process_locks_refuses_new_runs_and_accepted_ones_go_on_when_it_lets_go() -> None:
    with home() as evopipe, node_on(evopipe) as node:
        run_id = node.post("/v1/runs", {"definition": TWO_STEPS}).body["run_id"]
        with locked(evopipe.home / "state" / "journal.sqlite3"):
            refused = node.run(SMALL)
            assert (refused.status, refused.error["code"]) == (507, "journal_unavailable")
            assert "another process holds the journal's write lock" in refused.error["message"]
            assert "Fix: stop the other node or tool" in refused.error["message"]
            assert node.get(f"/v1/runs/{run_id}/outcome?timeout_s=0").status == 202, "nothing is made up"
        ended = node.get(f"/v1/runs/{run_id}/outcome?timeout_s=15")
        assert (ended.status, ended.body["status"]) == (200, "succeeded"), ended.text
        assert ended.body["results"]["second"] == "rain again"
        node.assert_well()


@contextmanager
def own_file_system(state: Path) -> Generator[None]:
    """A file system of its own as the state directory."""
    state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=0700", "tmpfs", str(state)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs here (it takes root and CAP_SYS_ADMIN)")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


def remounted(state: Path, mode: str) -> None:
    """The killed node's watchdog closes the log a moment after it: until then the mount is busy."""
    deadline = time.monotonic() + 10
    while subprocess.run(["mount", "-o", f"remount,{mode}", str(state)], check=False, capture_output=True).returncode:
        assert time.monotonic() < deadline


@pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")
def test_a_state_directory_that_has_become_read_only_is_told_and_its_runs_go_on_once_it_is_not() -> None:
    with home() as evopipe, own_file_system(evopipe.home / "state"):
        state = evopipe.home / "state"
        with node_on(evopipe) as node:
            run_id = node.post("/v1/runs", {"definition": TWO_STEPS}).body["run_id"]
        remounted(state, "ro")
        for _ in range(2):
            refused = evopipe("up")
            assert refused.returncode == exits.STATE_UNUSABLE
            assert "Read-only file system" in refused.stderr
            assert "set EVOPIPE_STATE_DIR" in refused.stderr
        looked = evopipe("fsck")
        assert looked.returncode == exits.OK, looked.stdout
        remounted(state, "rw")
        with node_on(evopipe) as node:
            ended = node.get(f"/v1/runs/{run_id}/outcome?timeout_s=15")
            assert (ended.status, ended.body["status"]) == (200, "succeeded"), ended.text
            node.assert_well()
