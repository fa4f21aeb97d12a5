"""The command line: what it prints, what it returns, and that it starts quickly."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.runs import RunEventKind
from runtime.cli import exits
from runtime.cli.node_commands import fact_lines, tree_lines
from runtime.cli.run_commands import run_pipeline
from runtime.cli.session import UsageProblem, parse_inputs
from runtime.cli.watching import facts_of, line_of
from tests.runtime.gateway_fakes import PIPELINE, Gateway, gateway
from tests.support import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="evo") as name:
        monkeypatch.setenv("HOME", name)
        monkeypatch.setenv("EVOPIPE_CONFIG", "")
        monkeypatch.setenv("EVOPIPE_STATE_DIR", f"{name}/state")
        monkeypatch.setenv("EVOPIPE_SOCKET_PATH", f"{name}/run/e.sock")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        yield Path(name)


def evopipe(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runtime.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=cwd)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, runtime.cli\n"
        "heavy = {'pydantic', 'httpx', 'rich', 'yaml', 'asyncio', 'starlette', 'pykka', 'anthropic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_help_lists_the_exit_codes(home: Path) -> None:
    done = evopipe("--help")
    assert done.returncode == 0
    assert "3 no node answers" in " ".join(done.stdout.split())


def test_help_lists_every_command_and_version_is_an_option_too(home: Path) -> None:
    assert "kill-actor" in evopipe("--help").stdout
    assert evopipe("--version").stdout == evopipe("version").stdout


@pytest.mark.parametrize("words", ["validate --json missing.yaml >&-", "run missing.yaml 2>&-", "status --help <&-"])
def test_a_closed_stream_is_no_crash(home: Path, words: str) -> None:
    command = f"{sys.executable} -m runtime.cli {words}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == (exits.OK if "--help" in words else exits.INVALID)
    assert "Traceback" not in done.stderr


def test_what_the_terminal_cannot_show_is_escaped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (home / "cause\u00e9.yaml").write_text("name: x\n", encoding="utf-8")
    done = evopipe("validate", "cause\u00e9.yaml", cwd=home)
    assert done.returncode == exits.INVALID
    assert "cause\\xe9.yaml:1:1" in done.stdout
    told = evopipe("validate", "--json", "cause\u00e9.yaml", cwd=home)
    assert json.loads(told.stdout)[0]["file"] == "cause\u00e9.yaml"


def test_a_working_directory_that_is_gone_is_told(home: Path) -> None:
    (home / "small.yaml").write_text(PIPELINE, encoding="utf-8")
    gone = f"mkdir gone; cd gone; rmdir ../gone; {sys.executable} -m runtime.cli run {home}/small.yaml"
    done = subprocess.run(["sh", "-c", gone], capture_output=True, text=True, timeout=30, check=False, cwd=home)
    assert done.returncode == exits.INVALID
    assert "the working directory is gone" in done.stderr


def test_an_output_that_cannot_be_written_is_told_before_anything_is_spent(home: Path) -> None:
    (home / "small.yaml").write_text(PIPELINE, encoding="utf-8")
    done = evopipe("evolve", str(home / "small.yaml"), "--output", str(home / "no" / "best.yaml"))
    assert done.returncode == exits.INVALID
    assert "cannot be written" in done.stderr


@pytest.mark.parametrize("words", [["status"], ["tree"], ["ps"], ["down"], ["runs"], ["arm", "node", "--reason", "x"]])
def test_without_a_node_commands_say_so_with_code_3(home: Path, words: list[str]) -> None:
    done = evopipe(*words)
    assert done.returncode == exits.UNREACHABLE
    assert "evopipe up" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_usage_has_code_2(home: Path) -> None:
    assert evopipe("run").returncode == exits.INVALID
    assert evopipe("kill", "planet").returncode == exits.INVALID
    for reason in ([], ["--reason", " "]):
        done = evopipe("arm", "node", *reason)
        assert (done.returncode, "reason" in done.stderr) == (exits.INVALID, True)
    assert evopipe("run", str(home / "missing.yaml")).returncode == exits.INVALID


def test_bad_settings_are_told_with_code_2(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOPIPE_LIMITS__DRAIN_S", "soon")
    done = evopipe("status")
    assert done.returncode == exits.INVALID
    assert "EVOPIPE_LIMITS__DRAIN_S" in done.stderr


def test_kill_without_a_node_leaves_the_file_that_triggers_the_switch(home: Path) -> None:
    done = evopipe("kill", "provider", "gemini", "--reason", "too dear")
    assert done.returncode == exits.OK
    assert (home / "state" / "kill" / "provider.gemini").read_text(encoding="utf-8") == "too dear\n"


def test_validate_needs_no_node_and_tells_every_error_with_its_place(home: Path) -> None:
    good, bad = home / "good.yaml", home / "bad.yaml"
    good.write_text(PIPELINE, encoding="utf-8")
    bad.write_text("name: x\nsteps:\n  - name: a\n    typ: claude\n", encoding="utf-8")
    assert evopipe("validate", str(good)).returncode == exits.OK
    done = evopipe("validate", str(good), str(bad))
    assert done.returncode == exits.INVALID
    assert f"{bad}:3:5: " in done.stdout
    report = json.loads(evopipe("validate", "--json", str(bad)).stdout)
    assert report[0]["diagnostics"][0]["line"] >= 1


def test_inputs_are_text_unless_marked_as_json(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"a": 1, "b": 2}', encoding="utf-8")
    assert parse_inputs(["b=x=y", "c:=[1, true]"], file) == {"a": 1, "b": "x=y", "c": [1, True]}


@pytest.mark.parametrize("given", ["novalue", "=x", "k:={"])
def test_an_input_that_cannot_be_read_is_told(given: str) -> None:
    with pytest.raises(UsageProblem):
        parse_inputs([given], None)


def with_node(home: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[], int], *kinds: RunEventKind) -> int:
    """Runs a blocking command against fakes, which publish `kinds` once a run is there."""

    async def main() -> int:
        async with gateway() as g:
            monkeypatch.setenv("EVOPIPE_SOCKET_PATH", str(g.path))
            monkeypatch.chdir(home)
            commanded = asyncio.create_task(asyncio.to_thread(command))
            await submitted(g)
            g.publish(g.seen.submitted[0].run_id, *kinds)
            return await commanded

    return run(main())


async def submitted(g: Gateway) -> None:
    while not g.seen.submitted:
        await asyncio.sleep(0.005)


def run_file(home: Path) -> int:
    file = home / "small.yaml"
    file.write_text(PIPELINE, encoding="utf-8")
    return run_pipeline(file, [], input_file=None, workspace=None, key=None, follow=True, as_json=False)


def test_run_shows_progress_on_stderr_and_outputs_on_stdout(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = with_node(home, monkeypatch, lambda: run_file(home), "run_accepted", "run_started", "run_succeeded")
    out, err = capfd.readouterr()
    assert code == exits.OK
    assert "run started" in err
    assert json.loads(out) == {"first": {"x": 1}}
    assert (home / "workspace").is_dir()


def test_an_event_becomes_a_line_with_its_step_and_reason() -> None:
    event = {"at": 0, "step": "plan", "data": {"error": {"message": "rate\nlimited"}, "attempt": 2}}
    assert line_of("step_retrying", event).endswith("step retrying plan (rate limited; attempt: 2)")
    assert facts_of(None) == ""


def test_the_tree_is_drawn_with_lines() -> None:
    leaf = {"name": "a", "class": "A", "status": "running"}
    branch = {"name": "b", "class": "B", "status": "restarting", "restarts": 2, "children": [leaf, leaf]}
    root = {"name": "node", "class": "S", "status": "running", "children": [branch, leaf]}
    assert tree_lines(root) == [
        "node  [S]",
        "├─ b  [B, restarting, restarts 2]",
        "│  ├─ a  [A]",
        "│  └─ a  [A]",
        "└─ a  [A]",
    ]


def test_facts_are_aligned_and_nested() -> None:
    assert fact_lines({"a": True, "long": None, "in": {"x": 1}}) == ["a     yes", "long  -", "in:", "  x  1"]
