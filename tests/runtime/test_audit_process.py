"""A real node's audit log: who did what, looked at with the real command, broken by hand, on a full disk."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon
PIPELINE = "name: small\nsteps:\n  - {name: a, type: set_variable, variables: {x: 1}}\n"


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "small.yaml").write_text(PIPELINE, encoding="utf-8")
        command.env["EVOPIPE_STATE_DIR"] = str(command.home / "state")
        yield command


def entries(evopipe: Command) -> list[dict[str, Any]]:
    shown = evopipe("audit", "--tail", "1000", "--json")
    assert shown.returncode == exits.OK, shown.stderr
    return json.loads(shown.stdout)["entries"]


def actions(evopipe: Command) -> list[str]:
    return [entry["action"] for entry in entries(evopipe)]


def wait_until(holds: Callable[[], object]) -> None:
    """Asks the real command again until it holds; fails after 15 s."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline


def segment(evopipe: Command) -> Path:
    return evopipe.home / "state" / "audit" / "audit-000001.jsonl"


def test_a_node_s_life_is_in_its_log_with_who_and_why(evopipe: Command) -> None:
    evopipe("up")
    assert evopipe("run", "small.yaml").returncode == exits.OK
    evopipe("kill", "pipeline", "small", "--reason", "too dear")
    evopipe("kill", "pipeline", "small", "--reason", "still too dear")
    evopipe("arm", "pipeline", "small", "--reason", "cheaper now")
    evopipe("suspend", "breeding")
    evopipe("resume", "breeding")
    evopipe("kill-actor", "breeding")
    (evopipe.home / "conf.yaml").write_text("logging: {level: warning}\nlimits: {connections: 7}\n", encoding="utf-8")
    evopipe("down")
    found = entries(evopipe)
    by_action = {entry["action"]: entry for entry in found}
    assert [entry["action"] for entry in found] == [
        "node.started", "run.submitted", "run.ended", "kill_switch.triggered", "kill_switch.triggered_again",
        "kill_switch.arming", "kill_switch.armed", "actor.suspended", "actor.resumed", "actor.killed",
        "node.stop_asked", "node.stopped",
    ]  # fmt: skip
    assert by_action["node.started"]["detail"]["before"] == "none"
    assert by_action["run.submitted"]["detail"]["pipeline"] == "small"
    assert by_action["run.ended"]["detail"]["status"] == "succeeded"
    assert by_action["kill_switch.armed"]["detail"]["reason"] == "cheaper now"
    me = by_action["run.submitted"]["who"]
    assert {by_action[action]["who"] for action in ("kill_switch.triggered", "actor.killed", "node.stop_asked")} == {me}
    assert "kill_switch.armed" in evopipe("audit").stdout


def test_a_node_that_was_killed_and_one_that_reads_its_settings_again_leave_a_mark(evopipe: Command) -> None:
    config = evopipe.home / "conf.yaml"
    evopipe.env["EVOPIPE_CONFIG"] = str(config)
    config.write_text("logging: {level: info}\n", encoding="utf-8")
    evopipe("up")
    evopipe("run", "small.yaml")
    evopipe.end()
    evopipe.socket.unlink(missing_ok=True)
    assert evopipe("up").returncode == exits.OK
    pid = int(evopipe.status()["pid"])
    config.write_text("logging: {level: debug}\nlimits: {connections: 7}\n", encoding="utf-8")
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "settings.reloaded" in actions(evopipe))
    evopipe("down")
    found = entries(evopipe)
    assert [e["detail"]["before"] for e in found if e["action"] == "node.started"] == ["none", "abrupt"]
    (reloaded,) = [entry["detail"] for entry in found if entry["action"] == "settings.reloaded"]
    assert reloaded == {"changed": ["limits.connections", "logging.level"], "need_restart": ["limits.connections"]}
    assert evopipe("audit", "verify").returncode == exits.OK


def test_verify_names_file_and_line_and_the_node_says_it_too(evopipe: Command) -> None:
    evopipe("up")
    for _ in range(3):
        evopipe("run", "small.yaml")
    evopipe("down")
    sound = evopipe("audit", "verify")
    assert (sound.returncode, sound.stdout.startswith("sound: ")) == (exits.OK, True)
    head = sound.stdout.split("head ")[1].strip()
    assert evopipe("audit", "verify", str(evopipe.home / "state"), "--head", head).returncode == exits.OK
    assert evopipe("audit", "verify", str(segment(evopipe)), "--head", head).returncode == exits.OK
    lines = segment(evopipe).read_text(encoding="ascii").splitlines(keepends=True)
    segment(evopipe).write_text("".join([*lines[:2], *lines[3:]]), encoding="ascii")
    broken = evopipe("audit", "verify")
    assert broken.returncode == exits.FAILED
    assert broken.stdout.startswith(f"{segment(evopipe)}:3: entry 3 is missing before entry 4")
    assert evopipe("up").returncode == exits.OK
    wait_until(lambda: evopipe.status()["audit"]["damage"])
    assert evopipe("run", "small.yaml").returncode == exits.OK
    assert "audit_log_damaged" in evopipe("logs").stdout
    evopipe("down")
    assert evopipe("audit", "verify").stdout.startswith(f"{segment(evopipe)}:3: ")


def test_where_there_is_no_log_it_is_said_where_it_was_looked_for_and_what_to_name(evopipe: Command) -> None:
    elsewhere = evopipe.home / "elsewhere"
    elsewhere.mkdir()
    for words, state in (((), evopipe.home / "state"), ((str(elsewhere),), elsewhere)):
        told = evopipe("audit", "verify", *words)
        assert told.returncode == exits.INVALID
        assert f"there is no audit log in {state / 'audit'}: no audit-000001.jsonl" in told.stderr
        assert f"no note of its entries in {state / 'audit_heads.txt'}" in told.stderr
        assert "Fix: name the node's state directory" in told.stderr
        assert "Errno" not in told.stderr
    exported = evopipe("audit", "export", "--path", str(elsewhere))
    assert (exported.returncode, exported.stdout) == (exits.INVALID, "")
    shown = evopipe("audit")
    assert (shown.returncode, "there is no audit log" in shown.stderr) == (exits.OK, True)
    (elsewhere / "audit").mkdir()
    (elsewhere / "audit" / "audit-000001.jsonl").mkdir()
    told = evopipe("audit", "verify", str(elsewhere))
    assert (told.returncode, "no regular file; move it aside" in told.stderr) == (exits.INVALID, True)


def test_an_unfinished_last_line_never_blocks_the_start(evopipe: Command) -> None:
    evopipe("up")
    evopipe("down")
    with segment(evopipe).open("a", encoding="ascii") as file:
        file.write('{"action":"run.en')
    assert evopipe("up").returncode == exits.OK
    evopipe("down")
    assert "audit.repaired" in actions(evopipe)
    assert evopipe("audit", "verify").returncode == exits.OK


def test_export_gives_lines_that_verify_and_a_table_that_runs_nothing(evopipe: Command) -> None:
    evopipe("up")
    evopipe("kill", "pipeline", "=cmd|' /C calc'!A0", "--reason", "x")
    evopipe("down")
    lines = evopipe("audit", "export").stdout
    exported = evopipe.home / "export.jsonl"
    exported.write_text(lines, encoding="ascii")
    assert evopipe("audit", "verify", str(exported)).returncode == exits.OK
    rows = list(csv.DictReader(io.StringIO(evopipe("audit", "export", "--format", "csv").stdout)))
    assert len(rows) == len(lines.splitlines())
    assert not [row for row in rows if row["subject"].startswith(("=", "+", "-", "@"))]
    assert evopipe("audit", "export", "--until", "2001-01-01").stdout == ""
    assert evopipe("audit", "export", "--since", "soon").returncode == exits.INVALID
    assert evopipe("audit", "verify", "--head", "x").returncode == exits.INVALID


@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit")
def test_on_a_full_disk_kill_is_in_force_and_arm_is_refused_until_there_is_room(evopipe: Command) -> None:
    evopipe("up")
    evopipe("run", "small.yaml")
    pid = int(evopipe.status()["pid"])
    former = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    # The log is longer than that already; the switches' small state still fits.
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1_024, former[1]))
    assert segment(evopipe).stat().st_size > 1_024
    killed = evopipe("kill", "pipeline", "small", "--reason", "a test")
    assert (killed.returncode, "triggered: pipeline small" in killed.stdout) == (exits.OK, True)
    assert "the audit log cannot be written" in killed.stderr
    assert evopipe("run", "small.yaml").returncode == exits.REFUSED
    refused = evopipe("arm", "pipeline", "small", "--reason", "a test")
    assert refused.returncode != exits.OK
    assert "stays triggered, because arming it must be audited" in refused.stderr
    assert evopipe.status()["kill_switches"] != []
    resource.prlimit(pid, resource.RLIMIT_FSIZE, former)
    assert evopipe("arm", "pipeline", "small", "--reason", "a test").returncode == exits.OK
    assert evopipe("run", "small.yaml").returncode == exits.OK
    evopipe("down")
    wait_gone_if_there(pid)
    told = [action for action in actions(evopipe) if action.startswith("kill_switch")]
    assert told == ["kill_switch.triggered", "kill_switch.arming", "kill_switch.armed"]
    assert evopipe("audit", "verify").returncode == exits.OK


def wait_gone_if_there(pid: int) -> None:
    try:
        wait_gone(pid)
    except ProcessLookupError:
        return
