"""The state directory has no room: new runs are refused with the fix, accepted ones go on once there is room again."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import pytest

from runtime.cli import exits
from tests.bad_input.live import HEAD, SMALL, LiveNode, node_on
from tests.node_for_tests import Command, node_home

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit or a tmpfs of its own"),
]
TWO_STEPS = (
    HEAD
    + "  - {name: first, type: claude, prompt: 'Say rain'}\n"
    + "  - {name: second, type: claude, prompt: '{{steps.first.text}} again'}\n"
)
Fill = Callable[[LiveNode], Callable[[], None]]
Disk = Callable[[Command], AbstractContextManager[Fill]]


@contextmanager
def with_small_disk(evopipe: Command) -> Generator[Fill]:
    """A tmpfs of 2 MB as the state directory."""
    state = evopipe.home / "state"
    state.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(state)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a tmpfs here")

    def fill(_node: LiveNode) -> Callable[[], None]:
        ballast = state / "ballast"
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(b"x" * 4_000_000)
        return ballast.unlink

    try:
        yield fill
    finally:
        subprocess.run(["umount", "--lazy", str(state)], check=True)


@contextmanager
def with_file_limit(_evopipe: Command) -> Generator[Fill]:
    """The kernel lets the node write no file beyond 1 kB: needs no root."""

    def fill(node: LiveNode) -> Callable[[], None]:
        former = resource.prlimit(node.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (1024, former[1]))
        return lambda: resource.prlimit(node.pid, resource.RLIMIT_FSIZE, former) and None

    yield fill


@contextmanager
def home() -> Generator[Command]:
    with node_home() as evopipe:
        evopipe.env |= {
            "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
            "EVOPIPE_WORKSPACE": str(evopipe.home / "files"),
            "EVOPIPE_PROVIDERS__OFFLINE__LATENCY_S": "0.5",
        }
        yield evopipe


def accepted(node: LiveNode) -> str:
    """A run whose first step is under way."""
    return node.post("/v1/runs", {"definition": TWO_STEPS}).body["run_id"]


def assert_refuses(node: LiveNode) -> None:
    refused = node.run(SMALL)
    assert (refused.status, refused.error["code"]) == (507, "journal_unavailable")
    assert "Fix: " in refused.error["message"]
    assert "the node goes on" in refused.error["message"]
    assert node.get("/v1/status").body["pid"] == node.pid


def assert_ends(node: LiveNode, run_id: str) -> None:
    ended = node.get(f"/v1/runs/{run_id}/outcome?timeout_s=15")
    assert (ended.status, ended.body["status"]) == (200, "succeeded"), ended.text
    assert set(ended.body["results"]) == {"first", "second"}
    node.assert_well()


@pytest.mark.parametrize("disk", [with_small_disk, with_file_limit], ids=["tmpfs", "RLIMIT_FSIZE"])
def test_a_full_disk_refuses_new_runs_and_accepted_ones_go_on_when_there_is_room(disk: Disk) -> None:
    with home() as evopipe, disk(evopipe) as fill, node_on(evopipe) as node:
        run_id = accepted(node)
        make_room = fill(node)
        assert_refuses(node)
        # It waits for the disk; nothing is made up.
        assert node.get(f"/v1/runs/{run_id}/outcome?timeout_s=1").status == 202
        make_room()
        assert_ends(node, run_id)


def test_a_run_accepted_before_the_disk_was_full_resumes_in_the_next_node() -> None:
    with home() as evopipe, with_small_disk(evopipe) as fill:
        with node_on(evopipe) as node:
            run_id = accepted(node)
            make_room = fill(node)
            assert_refuses(node)
        full = evopipe("up")
        assert full.returncode == exits.STATE_UNUSABLE
        assert "the disk is full; make room, or set EVOPIPE_STATE_DIR" in full.stderr
        make_room()
        with node_on(evopipe) as node:
            assert_ends(node, run_id)
