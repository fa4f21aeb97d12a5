"""The node's beginning and its end."""

from __future__ import annotations

import stat

from runtime.cli import exits
from runtime.demo.stage import UP_TIMEOUT_S, Stage
from runtime.demo.watching import process_ended


def start_the_node(stage: Stage) -> None:
    """Up as a daemon, private socket, a second one refused."""
    up = stage.terminal.run("up", "--detach", timeout_s=UP_TIMEOUT_S)
    stage.checks.check(up.code == 0, "the node starts in the background", up.text)
    mode = stat.S_IMODE(stage.home.socket.stat().st_mode) if stage.home.socket.exists() else -1
    stage.checks.check(mode == 0o600, "its socket is for its owner only (0600)", oct(mode))
    status = stage.terminal.run("status")
    stage.checks.say(status.text)
    stage.checks.check(status.code == 0, "it answers `evopipe status`", status.text)
    second = stage.terminal.run("up", "--detach", timeout_s=UP_TIMEOUT_S)
    stage.checks.check(second.code == exits.ALREADY_RUNNING, "a second node on the same socket is refused", second.text)


def stop_the_node(stage: Stage) -> None:
    """Down, and really gone."""
    pid = int(stage.status().get("pid", 0))
    down = stage.terminal.run("down")
    stage.checks.check(down.code == 0, "the node stops when told", down.text)
    stage.checks.check(pid > 0 and process_ended(pid, 10.0), "its process has ended", pid)
    stage.checks.check(not stage.home.socket.exists(), "its socket is gone", stage.home.socket)
    after = stage.terminal.run("status")
    stage.checks.check(after.code == exits.UNREACHABLE, "`evopipe status` says so and exits non-zero", after.text)
