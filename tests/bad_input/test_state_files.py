"""Every file that the node keeps in its state directory, damaged in every way while no node ran.

The node may start (and say what is lost) or refuse to start (and say what to do); it never breaks, and it never throws
away what it could not read.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.cli import exits
from tests.bad_input.live import SMALL, LiveNode, assert_tells_no_secret
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon
FOREIGN = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
SQLITE = b"SQLite format 3\0"
STALE_LOCKS = {"node.lock"}  # what is in them does not count, only that somebody holds them


@pytest.fixture(scope="module")
def used_home() -> Iterator[Command]:
    """A home whose node was used for everything that leaves a file, and killed."""
    with node_home() as evopipe:
        evopipe.env |= {
            "EVOPIPE_STATE_DIR": str(evopipe.home / "state"),
            "EVOPIPE_ROUTES__CLAUDE": "offline",
            "EVOPIPE_LIMITS__DRAIN_S": "0",
        }
        assert evopipe("up").returncode == exits.OK
        node = LiveNode(evopipe)
        talk = (
            "name: talk\nsteps:\n  - {name: a, type: claude_session, prompt: hi, session_config: {session_name: s}}\n"
        )
        assert node.run(SMALL).body["status"] == "succeeded"
        assert node.run(talk).body["status"] == "succeeded"
        put = node.client.put("/v1/pipelines/small/1.0.0", json={"definition": SMALL})
        assert put.status_code in (200, 201), put.text
        for action in ("", "/arm"):
            body = {"level": "pipeline", "name": "q", "reason": "a test"}
            assert node.post(f"/v1/kill-switches{action}", body).status == 200
        node.close()
        os.kill(node.pid, signal.SIGKILL)
        wait_gone(node.pid)
        evopipe.socket.unlink(missing_ok=True)
        shutil.copytree(evopipe.home / "state", evopipe.home / "kept", symlinks=True)
        yield evopipe


def files_of(evopipe: Command) -> list[Path]:
    """Every file that the node left, relative to the state directory; not what people read or put there."""
    kept = evopipe.home / "kept"
    found = [file.relative_to(kept) for file in sorted(kept.rglob("*")) if file.is_file()]
    return [
        file for file in found if file.parts[0] not in {"logs", "workspace", "kill"} and file.name not in STALE_LOCKS
    ]


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def foreign(file: Path) -> None:
    file.write_bytes(FOREIGN)


def newer(file: Path) -> None:
    text = file.read_bytes()
    for now in (b'"version": 1', b'"version":1'):
        text = text.replace(now, now[:-1] + b"99")
    file.write_bytes(text)
    if text.startswith(SQLITE):
        without_log(file)
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone():
                database.execute("INSERT INTO schema_version VALUES (99, 0.0)")
            database.execute("PRAGMA user_version = 99")


def another_programs(file: Path) -> None:
    """A sound database, only not ours."""
    if not file.read_bytes().startswith(SQLITE):
        foreign(file)
        return
    without_log(file)
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
        database.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
        database.commit()


def without_log(file: Path) -> None:
    """A log beside it would be taken for its own."""
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def somebody_elses(file: Path) -> None:
    """Root may use it all the same, others may not: then it is told."""
    if os.geteuid() == 0:
        os.chown(file, 65_534, 65_534)
    else:
        file.chmod(0)


def a_directory(file: Path) -> None:
    file.unlink()
    file.mkdir(mode=0o700)
    (file / "x").write_text("x", encoding="utf-8")


def a_link_to_nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to("/nowhere/at/all")


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def open_to_all(file: Path) -> None:
    file.chmod(0o666)


DAMAGES: tuple[Callable[[Path], None], ...] = (
    truncated, emptied, foreign, another_programs, newer, a_directory, a_link_to_nowhere, a_pipe, open_to_all,
    somebody_elses,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_survived_or_told_with_the_fix_and_nothing_unreadable_is_thrown_away(
    used_home: Command, damage: Callable[[Path], None]
) -> None:
    state = used_home.home / "state"
    outcomes: dict[str, str] = {}
    files = files_of(used_home)
    if "EVOPIPE_FUZZ_EXAMPLES" not in os.environ:
        # A node is started for each; the long mode takes all of them.
        seed = int(os.environ.get("EVOPIPE_FUZZ_SEED", random.SystemRandom().randrange(2**32)))
        print(f"EVOPIPE_FUZZ_SEED={seed}")
        files = [random.Random(seed).choice(files)]
    for name in files:
        shutil.rmtree(state)
        shutil.copytree(used_home.home / "kept", state, symlinks=True)
        damage(state / name)
        outcomes[str(name)] = start_and_look(used_home, state, damage.__name__, name)
    print(outcomes)
    assert outcomes


def start_and_look(evopipe: Command, state: Path, damage: str, name: Path) -> str:
    """Starts a node on the damaged state; what came of it. Fails where it breaks, hangs or tells a stack trace."""
    up = evopipe("up")
    where = f"{damage} {name}"
    assert_tells_no_secret(up.stdout + up.stderr)
    if up.returncode != exits.OK:
        assert up.returncode in (exits.FAILED, exits.STATE_UNUSABLE), (where, up.stderr)
        assert name.name.split("-")[0] in up.stderr, f"{where}: the file is not named: {up.stderr}"
        return "refused"
    node = LiveNode(evopipe)
    try:
        done = node.run(SMALL)
        assert done.status in (200, 423, 507), (where, done.text)
        if done.status == 507:
            assert "Fix: " in done.error["message"] and done.error["code"] == "journal_unavailable", (where, done.text)
            return "runs refused"
        if done.status == 200:
            assert done.body["status"] == "succeeded", (where, done.text)
        for path in ("/v1/status", "/v1/runs", "/v1/pipelines", "/v1/kill-switches", "/v1/sessions", "/v1/approvals"):
            assert node.get(path).status < 500 or node.get(path).error["code"] != "internal", (where, path)
        assert "Traceback" not in node.log(), where
        if damage == "foreign":
            # Of a file that is only ever appended to, it is the beginning.
            assert any(
                file.read_bytes().startswith(FOREIGN) for file in state.rglob(f"{name.name}*") if file.is_file()
            ) or (name.suffix.endswith(("-wal", "-shm"))), f"{where}: what could not be read was thrown away"
        if damage == "open_to_all":  # what else was damaged may rightly be gone, such as a log of SQLite's
            mode = (state / name).lstat().st_mode
            if stat.S_ISREG(mode):
                return f"runs, mode {stat.S_IMODE(mode):o}"
        return "runs" if done.status == 200 else "held"
    finally:
        node.close()
        os.kill(node.pid, signal.SIGKILL)
        wait_gone(node.pid)
        evopipe.socket.unlink(missing_ok=True)
        shutil.rmtree(state / "logs", ignore_errors=True)
