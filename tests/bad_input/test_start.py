"""Starts that cannot work, and state that was damaged while no node ran: told with the fix, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from runtime.cli import exits
from tests.bad_input.live import SECRET, SMALL, LiveNode, assert_tells_no_secret
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon
Found = TypeVar("Found")


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Command]:
    with node_home() as evopipe:
        evopipe.env |= {"EVOPIPE_STATE_DIR": str(evopipe.home / "state"), "EVOPIPE_LIMITS__DRAIN_S": "0"}
        yield evopipe


@pytest.fixture
def evopipe(shared_home: Command) -> Iterator[Command]:
    """A home without a node, with an empty state directory."""
    kept = dict(shared_home.env)
    shutil.rmtree(shared_home.home / "state", ignore_errors=True)
    yield shared_home
    shared_home.env = kept


def told_at_start(evopipe: Command, code: int) -> str:
    done = evopipe("up")
    assert done.returncode == code, done.stdout + done.stderr
    assert_tells_no_secret(done.stdout + done.stderr)
    assert not evopipe.socket.exists()
    return done.stderr


def test_a_second_daemon_is_refused_and_the_first_one_goes_on(node: LiveNode) -> None:
    second = node.evopipe("up")
    assert second.returncode == exits.ALREADY_RUNNING
    assert f"(pid {node.pid})" in second.stderr
    assert "evopipe down" in second.stderr


CONFIGS = {
    "no YAML": (b"metrics: {port: 1\n", ["c.yaml:2:1: this is not valid YAML"]),
    "a tab": (b"metrics:\n\tport: 1\n", ["c.yaml:2:1: ", "'\\t'"]),
    "no mapping": (b"- 1\n", ["c.yaml:1:1: the file holds no mapping"]),
    "an unknown section": (b"metrix: {port: 1}\n", ["c.yaml:1:1: metrix: ", "Expected one of", "Fix: write 'metrics'"]),
    "an unknown key": (b"metrics:\n  prot: 1\n", ["c.yaml:2:3: metrics.prot: ", "Fix: write 'port'"]),
    "a wrong type": (b"limits: {connections: many}\n", ["c.yaml:1:10: limits.connections: ", "a whole number. Fix: "]),
    "out of range": (b"limits: {drain_s: -1}\n", ["c.yaml:1:10: limits.drain_s: ", "at least 0. Fix: "]),
    "no number": (b"limits: {drain_s: .nan}\n", ["c.yaml:1:10: limits.drain_s: is out of range"]),
    "no value": (b"limits: {connections: null}\n", ["limits.connections: has the wrong type", "Fix: "]),
    "a text for a section": (b"metrics: yes please\n", ["c.yaml:1:1: metrics: is no section", "port", "Fix: "]),
    "an unknown choice": (b"routes: {claude: opnai}\n", ["c.yaml:1:10: routes.claude: ", "'offline'", "Fix: "]),
    "a key that is none": (b"1: 2\n", ["c.yaml:1:1: 1: is no text", "Fix: "]),
    "a mapping as a key": (b"? [a]\n: 1\n", ["c.yaml:1:3: ", "unhashable key"]),
    "a key twice": (b"metrics: {}\nmetrics: {}\n", ["c.yaml:2:1: the key 'metrics' is there twice (first in line 1)"]),
    "an alias": (b"a: &a 1\nb: *a\n", ["c.yaml:2:4: aliases (*name) are not used"]),
    "a tag": (b"state_dir: !!python/object/apply:os.system [id]\n", ["c.yaml:1:12: ", "python/object"]),
    "two documents": (b"a: 1\n---\nb: 1\n", ["c.yaml:2:1: "]),
    "5,000 levels": (b"a: " + b"[" * 5000 + b"]" * 5000, ["c.yaml:1:", "nested too deeply"]),
    "5,000 digits": (b"limits: {drain_s: " + b"9" * 5000 + b"}\n", ["c.yaml: a value cannot be read"]),
    "2 megabytes": (b"#" * 2_000_000, ["c.yaml: the file is too large", "at most 1 MB"]),
    "not UTF-8": (b"metrics: {} # \xff\n", ["c.yaml: byte 14 is not UTF-8"]),
    "a raw NUL": (b"state_dir: a\0b\n", ["c.yaml:1:13: this character is not allowed"]),
    "an escaped NUL": (b'state_dir: "a\\0b"\n', ["c.yaml:1:12: the value holds a NUL"]),
    "half a character": (b'state_dir: "\\ud800"\n', ["c.yaml:1:12: the value holds a NUL or half of a character"]),
    "nobody's home": (b"state_dir: ~nobody-of-that-name/x\n", ["c.yaml:1:1: state_dir: ", "Fix: write the path out"]),
    "metrics for all": (b"metrics: {host: 0.0.0.0}\n", ["c.yaml:1:11: metrics.host: ", "127.0.0.1", "Fix: "]),
    "a key in the file": (
        f"providers: {{anthropic: {{api_key: {SECRET}}}}}\n".encode(),
        ["c.yaml:1:25: providers.anthropic.api_key: ", "Fix: settings hold no keys: set the variable"],
    ),
    "a key for a variable's name": (
        f"providers: {{gemini: {{api_key_env: {SECRET}}}}}\n".encode(),
        ["c.yaml:1:22: providers.gemini.api_key_env: is no name of an environment variable", "Fix: "],
    ),
}


def test_each_kind_of_invalid_settings_is_told_with_place_key_and_fix(evopipe: Command) -> None:
    # One process asks for all of them: the command costs a third of a second each, and reads them the same way.
    from runtime.settings import SettingsError, load_settings

    file = evopipe.home / "c.yaml"
    for name, (content, expected) in CONFIGS.items():
        file.write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            load_settings(file, {"XDG_RUNTIME_DIR": str(evopipe.home), "XDG_STATE_HOME": str(evopipe.home)})
        for words in expected:
            assert words in str(caught.value), name
        assert "Fix: " in str(caught.value), name
        assert_tells_no_secret(str(caught.value))


@pytest.mark.parametrize("name", ["a tag", "a key for a variable's name"])
def test_the_daemon_does_not_start_with_invalid_settings(evopipe: Command, name: str) -> None:
    file = evopipe.home / "c.yaml"
    file.write_bytes(CONFIGS[name][0])
    evopipe.env["EVOPIPE_CONFIG"] = str(file)
    told = told_at_start(evopipe, exits.INVALID)
    assert all(words in told for words in CONFIGS[name][1])


@pytest.mark.parametrize(
    ("variable", "value", "code", "told"),
    [
        ("EVOPIPE_LIMITS__DRAIN_S__X", "1", exits.INVALID, "variable EVOPIPE_LIMITS__DRAIN_S__X: limits.drain_s: "),
        ("EVOPIPE_CONFIG", "/nowhere/evopipe.yaml", exits.INVALID, "cannot be read: No such file"),
        ("EVOPIPE_STATE_DIR", "/dev/null/x", exits.STATE_UNUSABLE, "set EVOPIPE_STATE_DIR"),
        ("EVOPIPE_WORKSPACE", "/dev/null/x", exits.STATE_UNUSABLE, "set EVOPIPE_WORKSPACE"),
        ("EVOPIPE_SOCKET_PATH", "/dev/null/x.sock", exits.STATE_UNUSABLE, "set EVOPIPE_SOCKET_PATH"),
        ("EVOPIPE_SOCKET_PATH", "/" + "x" * 200, exits.INVALID, "longer than 103 bytes"),
    ],
)
def test_a_place_or_value_that_cannot_be_used_is_told_with_its_variable(
    evopipe: Command, variable: str, value: str, code: int, told: str
) -> None:
    evopipe.env[variable] = value
    assert told in told_at_start(evopipe, code)


def test_a_state_directory_that_may_not_be_written_is_told(evopipe: Command) -> None:
    state = evopipe.home / "state"
    state.mkdir(mode=0o700)
    # Root may write everywhere but where something else is: the logs' directory cannot be made.
    (state / "logs").write_text("", encoding="utf-8")
    told = told_at_start(evopipe, exits.STATE_UNUSABLE)
    assert "logs" in told
    assert "set EVOPIPE_STATE_DIR" in told
    if os.geteuid() != 0:
        (state / "logs").unlink()
        state.chmod(0o500)
        told = told_at_start(evopipe, exits.STATE_UNUSABLE)
        state.chmod(0o700)
        assert "set EVOPIPE_STATE_DIR" in told


def test_a_state_directory_open_to_others_is_refused_and_left_as_it_is(evopipe: Command) -> None:
    state = evopipe.home / "state"
    state.mkdir()
    state.chmod(0o755)
    assert "is open to other users" in told_at_start(evopipe, exits.STATE_UNUSABLE)
    assert stat.S_IMODE(state.stat().st_mode) == 0o755


def test_a_corrupt_journal_is_told_and_kept_and_a_restored_one_has_its_runs(evopipe: Command) -> None:
    run_id = started(evopipe, lambda node: node.run(SMALL).body["run_id"])
    journal = evopipe.home / "state" / "journal.sqlite3"
    whole = {file: file.read_bytes() for file in journal.parent.glob("journal.sqlite3*")}
    for file in whole:
        file.unlink()
    damaged = b"not a database at all" * 500
    journal.write_bytes(damaged)
    told = told_at_start(evopipe, exits.FAILED)
    assert f"{journal}: the file is not an SQLite database" in told
    assert "Fix: restore it from a backup, or move it aside" in told
    assert journal.read_bytes() == damaged  # nothing is thrown away
    journal.rename(journal.with_suffix(".broken"))
    assert started(evopipe, lambda node: node.get(f"/v1/runs/{run_id}").status) == 404
    for file in journal.parent.glob("journal.sqlite3*"):
        file.unlink()
    for file, content in whole.items():
        file.write_bytes(content)
    assert started(evopipe, lambda node: node.get(f"/v1/runs/{run_id}").body["status"]) == "succeeded"


def started(evopipe: Command, use: Callable[[LiveNode], Found]) -> Found:
    """What `use` finds in a node that is started for it and killed afterwards."""
    up = evopipe("up")
    assert up.returncode == exits.OK, up.stderr
    node = LiveNode(evopipe)
    try:
        found = use(node)
        node.assert_well()
        return found
    finally:
        node.close()
        os.kill(node.pid, signal.SIGKILL)
        wait_gone(node.pid)
        evopipe.socket.unlink()


@pytest.mark.parametrize("content", [b"\xff{{{", b'{"version": 99}'], ids=["damaged", "newer"])
def test_kill_switches_that_cannot_be_read_stop_everything_until_somebody_arms(
    evopipe: Command, content: bytes
) -> None:
    state = evopipe.home / "state"
    state.mkdir(mode=0o700)
    (state / "kill_switches.json").write_bytes(content)

    def use(node: LiveNode) -> None:
        refused = node.run(SMALL)
        assert (refused.status, refused.error["code"]) == (423, "kill_switch")
        assert "the kill switch state cannot be read" in refused.error["message"]
        assert "evopipe arm node" in refused.error["message"]
        assert node.post("/v1/kill-switches/arm", {"level": "node", "reason": "looked at it"}).status == 200
        assert (state / "kill_switches.json.unreadable").read_bytes() == content

    started(evopipe, use)
