"""`kill` where no node answers: the trigger file, and what came of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pipelines.guardrails.kill_switch import Key, Level, file_of_key, label
from runtime.cli import exits
from runtime.cli.session import say
from runtime.client import NodeClient, NodeUnreachableError, RequestFailedError
from runtime.settings import make_private

EFFECT_S = 6.0
"""A wedged node ends within 2 s; this is for a machine that is slow besides."""
_LOOK_S = 0.1


def by_file(socket_path: Path, state_dir: Path, key: Key, reason: str) -> int:
    """Writes the trigger file of a switch; with a node that hangs, waits until something has come of it, and says
    what. Fails when nothing has."""
    # With whoever holds the lock: a node that does not answer is there all the same.
    hanging = _pid(socket_path)
    directory = state_dir / "kill"
    make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    file = directory / file_of_key(key)
    file.write_text(reason + "\n", encoding="utf-8")
    if hanging is None:
        say(
            f"no node answers, so the file {file} was written: it triggers the switch of the next node that starts. "
            "Remove the file before you arm the switch."
        )
        return exits.OK
    say(f"the node (pid {hanging}) does not answer, so the file {file} was written. Remove it before you arm.")
    deadline = time.monotonic() + EFFECT_S
    while time.monotonic() < deadline:
        if _pid(socket_path) is None:
            print(
                f"triggered: {label(key)} ({reason}); the node did not answer and has ended. "
                "`evopipe switches` shows why."
            )
            return exits.OK
        if _in_force(socket_path, key):
            print(f"triggered: {label(key)} ({reason}); the node answers again.")
            return exits.OK
        threading.Event().wait(_LOOK_S)
    if key[0] is Level.NODE:
        say(
            f"the node still runs after {EFFECT_S:g} s. End it with `kill -9 {hanging}`: "
            "its next start is held by the file."
        )
    else:
        say("the node does not turn, so nobody applies this switch. `evopipe kill node` stops it hard.")
    return exits.FAILED


def _pid(socket_path: Path) -> int | None:
    from runtime.daemon.lock import AlreadyRunningError, InstanceLock

    if not socket_path.parent.is_dir():
        return None
    lock = InstanceLock.for_socket(socket_path)
    try:
        lock.acquire()
    except AlreadyRunningError as error:
        return error.pid or 0
    lock.release()
    return None


def _in_force(socket_path: Path, key: Key) -> bool:
    try:
        with NodeClient(socket_path, timeout_s=0.5) as client:
            triggered = client.get("/v1/kill-switches")["triggered"]
    except (NodeUnreachableError, RequestFailedError):
        return False
    return any((each["level"], each["name"]) == (str(key[0]), key[1]) for each in triggered)
