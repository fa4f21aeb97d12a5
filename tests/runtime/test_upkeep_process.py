"""`backup`, `restore`, `fsck`, `vacuum` with a real node: online, offline, after kill -9, and with damage."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon

PIPELINE = """\
name: two
steps:
  - {name: a, type: test_echo, value: one}
  - {name: slow, type: test_echo, value: "{{ steps.a }}", delay_s: 30}
"""
QUICK = "name: quick\nsteps: [{name: a, type: test_echo, value: done}]\n"
BIG = "name: big\nsteps: [{name: a, type: file_ops, operation: read, path: big.txt}]\n"


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        (command.home / "slow.yaml").write_text(PIPELINE, encoding="utf-8")
        (command.home / "quick.yaml").write_text(QUICK, encoding="utf-8")
        (command.home / "big.yaml").write_text(BIG, encoding="utf-8")
        (command.home / "work").mkdir()
        (command.home / "work" / "big.txt").write_text("x" * 400_000, encoding="utf-8")
        yield command


def state_of(evopipe: Command) -> Path:
    return evopipe.home / ".local" / "state" / "evopipe"


def journal_of(evopipe: Command) -> Path:
    return state_of(evopipe) / "journal.sqlite3"


def kill_node(evopipe: Command) -> None:
    pid = evopipe.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def slow_run_at_work(evopipe: Command) -> str:
    run_id = evopipe("run", "slow.yaml", "--detach").stdout.strip()
    deadline = time.monotonic() + 15
    while "a" not in json.loads(evopipe("history", run_id, "--json").stdout)["steps"].__repr__():
        assert time.monotonic() < deadline
    return run_id


def found(evopipe: Command) -> tuple[int, list[dict[str, Any]]]:
    told = evopipe("fsck", "--json")
    return told.returncode, json.loads(told.stdout)["findings"]


def audited(evopipe: Command) -> list[dict[str, Any]]:
    return json.loads(evopipe("audit", "--tail", "100", "--json").stdout)["entries"]


def test_a_backup_of_a_working_node_is_restored_after_kill_9_and_its_runs_go_on(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    run_id = slow_run_at_work(evopipe)
    assert evopipe("run", "big.yaml", "-w", "work").returncode == exits.OK
    made = evopipe("backup", "saved.tar")
    assert made.returncode == exits.OK, made.stderr
    assert (evopipe.home / "saved.tar").stat().st_mode & 0o077 == 0
    later = evopipe("run", "quick.yaml", "--detach").stdout.strip()
    refused = evopipe("restore", "saved.tar", "--force")
    assert refused.returncode == exits.ALREADY_RUNNING, refused.stderr
    kill_node(evopipe)
    in_the_way = evopipe("restore", "saved.tar")
    assert in_the_way.returncode == exits.INVALID
    assert "--force" in in_the_way.stderr
    restored = evopipe("restore", "saved.tar", "--force")
    assert restored.returncode == exits.OK, restored.stderr
    assert found(evopipe) == (exits.OK, [])
    assert evopipe("up").returncode == exits.OK
    listed = evopipe("runs").stdout
    assert run_id in listed
    assert later not in listed
    resumed = json.loads(evopipe("history", run_id, "--json").stdout)
    assert (resumed["status"], [step["step"] for step in resumed["steps"]]) == ("running", ["a"])
    (aside,) = state_of(evopipe).parent.glob("evopipe.before-restore-*")
    assert (aside / "journal.sqlite3").exists()
    noted = audited(evopipe)
    assert later in [entry["subject"] for entry in noted], "what was decided since the backup stays decided"
    (entry,) = [entry for entry in noted if entry["action"] == "journal.restored"]
    assert (entry["subject"], entry["detail"]["forced"]) == ("saved.tar", True)
    assert entry["who"] not in ("", "unknown", "node")
    assert [each["detail"]["before"] for each in noted if each["action"] == "node.started"] == ["none", "abrupt"]
    assert evopipe("audit", "verify").returncode == exits.OK


def test_a_backup_with_one_changed_byte_changes_nothing(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("run", "quick.yaml").returncode == exits.OK
    assert evopipe("backup", "saved.tar").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    saved = evopipe.home / "saved.tar"
    with tarfile.open(saved) as tar:
        member = tar.getmember("journal.sqlite3")
        place = member.offset_data + member.size // 2
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    content = bytearray(saved.read_bytes())
    content[place] ^= random.Random(seed).randrange(1, 256)
    saved.write_bytes(content)
    before = journal_of(evopipe).read_bytes()
    refused = evopipe("restore", "saved.tar", "--force")
    assert refused.returncode == exits.FAILED
    assert "journal.sqlite3 is not what was written" in refused.stderr
    assert journal_of(evopipe).read_bytes() == before
    assert [path.name for path in state_of(evopipe).parent.iterdir()] == ["evopipe"]


@pytest.mark.parametrize("body", [b"", b"no tar at all" * 100])
def test_what_is_no_backup_is_refused(evopipe: Command, body: bytes) -> None:
    (evopipe.home / "saved.tar").write_bytes(body)
    refused = evopipe("restore", "saved.tar")
    assert refused.returncode == exits.FAILED
    assert "nothing was changed" in refused.stderr


def test_a_backup_that_reaches_out_of_the_state_is_refused(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("backup", "saved.tar").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    (evopipe.home / "evil").write_text("x", encoding="utf-8")
    with tarfile.open(evopipe.home / "saved.tar", "a") as tar:
        tar.add(evopipe.home / "evil", "../evil2")
    refused = evopipe("restore", "saved.tar", "--force")
    assert refused.returncode == exits.FAILED
    assert "does not belong into it" in refused.stderr
    assert not (state_of(evopipe).parent / "evil2").exists()


def test_fsck_finds_nothing_in_a_working_node_or_after_kill_9(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    slow_run_at_work(evopipe)
    assert evopipe("run", "big.yaml", "-w", "work").returncode == exits.OK
    assert found(evopipe) == (exits.OK, [])
    kill_node(evopipe)
    assert found(evopipe) == (exits.OK, [])


def test_fsck_tells_of_damaged_pages_open_modes_and_broken_files(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("run", "big.yaml", "-w", "work").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    journal = journal_of(evopipe)
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    content = bytearray(journal.read_bytes())
    content[4096:8192] = random.Random(seed).randbytes(4096)
    journal.write_bytes(content)
    journal.chmod(0o644)
    (state_of(evopipe) / "broken.json").write_text("{", encoding="utf-8")
    code, findings = found(evopipe)
    assert code == exits.FAILED
    said = " ".join(each["problem"] for each in findings)
    assert "damaged" in said or "cannot be read" in said
    assert "other users may use it (mode 0644)" in said
    assert any(each["place"].endswith("broken.json") and "not JSON" in each["problem"] for each in findings)


def test_a_backup_of_a_damaged_database_is_not_made(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("run", "big.yaml", "-w", "work").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    content = bytearray(journal_of(evopipe).read_bytes())
    content[4096:8192] = bytes(4096)
    journal_of(evopipe).write_bytes(content)
    refused = evopipe("backup", "saved.tar")
    assert refused.returncode == exits.FAILED
    assert "no backup was made" in refused.stderr
    assert not list(evopipe.home.glob("*saved.tar*"))


def test_vacuum_gives_room_back_online_and_offline(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("run", "big.yaml", "-w", "work").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    with closing(sqlite3.connect(journal_of(evopipe))) as connection, connection:
        connection.execute("DELETE FROM runs")
    assert evopipe("up").returncode == exits.OK
    online = json.loads(evopipe("vacuum", "--json").stdout)
    assert online["after"] < online["before"] - 300_000
    assert evopipe("run", "quick.yaml").returncode == exits.OK
    assert evopipe("down").returncode == exits.OK
    assert evopipe("vacuum").returncode == exits.OK
    assert found(evopipe) == (exits.OK, [])
    last = audited(evopipe)
    assert [entry["action"] for entry in last[-2:]] == ["node.stopped", "journal.vacuumed"]
    assert last[-1]["detail"]["bytes_after"] > 0
    (entry,) = [entry for entry in last[:-1] if entry["action"] == "journal.vacuumed"]
    assert entry["detail"] == {"bytes_before": online["before"], "bytes_after": online["after"]}
