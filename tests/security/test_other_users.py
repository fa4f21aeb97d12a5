"""A real node that shares its socket with a group, and real processes of other users at it."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cli import exits
from tests.bad_input.live import SMALL, whole_answer
from tests.node_for_tests import Command, node_home

pytestmark = [
    pytest.mark.daemon,
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may become other users"),
]
GROUP, OPERATOR, VIEWER, STRANGER = 64_200, 64_201, 64_202, 64_203


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        command.home.chmod(0o755)
        command.socket = command.home / "shared" / "evopipe.sock"
        config = command.home / "conf.yaml"
        access = {"operators": [f"group:{GROUP}"], "viewers": [str(VIEWER)], "socket_group": str(GROUP)}
        config.write_text(json.dumps({"socket_path": str(command.socket), "access": access}), encoding="utf-8")
        command.env |= {"EVOPIPE_CONFIG": str(config), "EVOPIPE_STATE_DIR": str(command.home / "state")}
        yield command


def ask(evopipe: Command, user: int, group: int, method: str, path: str, body: str = "{}") -> str:
    """The status of the node's answer to a process of that user, or why it got none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Not a program of its own: the user may not be allowed to read this Python's files.
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            told = answer_to(evopipe.socket, method, path, body.encode())
        except BaseException as error:
            told = str(error)
        os.write(writing, told.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read().decode()
    os.waitpid(child, 0)
    return told


def answer_to(path: Path, method: str, target: str, body: bytes) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        head = f"{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return whole_answer(connection).split(b" ", 2)[1].decode()


def test_other_users_get_what_their_role_allows_and_strangers_nothing(evopipe: Command) -> None:
    up = evopipe("up")
    assert up.returncode == exits.OK, up.stderr
    assert stat.S_IMODE(evopipe.socket.stat().st_mode) == 0o660
    assert (evopipe.socket.stat().st_gid, stat.S_IMODE(evopipe.socket.parent.stat().st_mode)) == (GROUP, 0o750)
    submit = json.dumps({"definition": SMALL, "wait": True})
    assert ask(evopipe, OPERATOR, GROUP, "GET", "/v1/status") == "200"
    assert ask(evopipe, OPERATOR, GROUP, "POST", "/v1/runs", submit) == "200"
    assert ask(evopipe, OPERATOR, GROUP, "POST", "/v1/shutdown") == "403"
    assert ask(evopipe, VIEWER, GROUP, "GET", "/v1/runs") == "200"
    # In the group that may connect, so an operator: the higher role counts.
    assert ask(evopipe, VIEWER, GROUP, "POST", "/v1/runs", submit) == "200"
    assert "Permission denied" in ask(evopipe, STRANGER, STRANGER, "GET", "/v1/status")
    evopipe("down")
    shown = json.loads(evopipe("audit", "--tail", "100", "--json").stdout)["entries"]
    submitted = [entry["who"] for entry in shown if entry["action"] == "run.submitted"]
    assert submitted == [f"uid:{OPERATOR}", f"uid:{VIEWER}"]
    assert [entry["who"] for entry in shown if entry["action"] == "access.refused"] == [f"uid:{OPERATOR}"]


def test_a_directory_that_others_can_change_is_not_used_for_a_shared_socket(evopipe: Command) -> None:
    directory = evopipe.socket.parent
    directory.mkdir()
    os.chown(directory, -1, GROUP)
    directory.chmod(0o770)
    refused = evopipe("up")
    assert refused.returncode == exits.STATE_UNUSABLE
    assert "with mode 0750" in refused.stderr
    assert not Path(evopipe.socket).exists()
