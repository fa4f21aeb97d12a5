"""What the watchdog leaves on the disk when it stops a node: the latched switch, and the last line of the log.

It writes what `pipelines.guardrails.kill_switch.serialise` writes, but imports nothing of ours: a watchdog must be
light, start at once, and hold where the packages of the node it watches are broken. A test holds the two together.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, cast

STATE_FILE = "kill_switches.json"
FORMAT_VERSION = 1
WHO = "watchdog"
_MOST_BYTES = 10_000_000


def trigger_file(state_dir: str) -> Path:
    """The file whose presence asks for the node's switch."""
    return Path(state_dir) / "kill" / "node"


def latch(state_dir: str, reason: str, at: float) -> bool:
    """Makes the next start of the node a held one; whether that is on the disk now.

    The trigger file goes first, for it needs least; where the state could be written it is taken away again, so that
    `evopipe arm` is all that is needed. A state that cannot be read stays: it holds the node already. A switch that is
    in the state stays as it is.
    """
    trigger = trigger_file(state_dir)
    made = _make(trigger, reason)
    saved = _save(Path(state_dir) / STATE_FILE, reason, at)
    if saved and made:
        with contextlib.suppress(OSError):
            trigger.unlink()
    return saved or os.path.lexists(trigger)


def log(log_file: str, event: str, **facts: object) -> None:
    """Adds a line to the node's log, in its form. What cannot be written is on stderr already."""
    line = {"event": event, "level": "critical", "logger": "evopipe.watchdog", "timestamp": _now(), **facts}
    with contextlib.suppress(OSError):
        descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            os.write(descriptor, (json.dumps(line) + "\n").encode("ascii"))
        finally:
            os.close(descriptor)


def _make(path: Path, text: str) -> bool:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return False
    with contextlib.suppress(OSError), os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return True


def _save(path: Path, reason: str, at: float) -> bool:
    known = _read(path)
    if known is None:
        return True
    if any(each.get("level") == "node" for each in known):
        return True
    entry: dict[str, Any] = {"level": "node", "name": "", "reason": reason, "who": WHO, "at": at}
    text = json.dumps({"version": FORMAT_VERSION, "triggered": [*known, entry]}, indent=2) + "\n"
    temporary = path.with_name(f".{STATE_FILE}.watchdog.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError:
        return False
    return True


def _read(path: Path) -> list[dict[str, Any]] | None:
    """The switches on the disk; None where the node will not be able to read them, either."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found: Any = json.loads(file.read(_MOST_BYTES + 1))
        listed: Any = found["triggered"]
        if found["version"] != FORMAT_VERSION or not isinstance(listed, list):
            return None
        switches = cast("list[Any]", listed)
        return cast("list[dict[str, Any]]", switches) if all(isinstance(each, dict) for each in switches) else None
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
