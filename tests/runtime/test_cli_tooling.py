"""The commands that look at a pipeline file without a node, as whole commands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.command_nursery import run_command

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "pipelines").glob("*/*.yaml"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVOPIPE_CONFIG", "")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def evopipe(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_command(tuple(map(str, words)), cwd=cwd, env=os.environ, timeout_s=30)


def test_validate_shows_the_line_and_a_caret_for_each_mistake(home: Path) -> None:
    (home / "bad.yaml").write_text("name: x\nsteps:\n  - {name: a, type: cluade}\n  - {name: b, typ: claude}\n")
    done = evopipe("validate", "bad.yaml", cwd=home)
    assert done.returncode == 2
    assert "bad.yaml:3:21: steps[0].type" in done.stdout
    assert "  3 |   - {name: a, type: cluade}\n    |                     ^^^^^^\n" in done.stdout
    assert "write 'type: claude'" in done.stdout
    assert "bad.yaml:4:" in done.stdout


def test_warnings_leave_the_exit_code_alone_unless_strict(home: Path) -> None:
    (home / "odd.yaml").write_text("name: x\nsteps:\n  - {name: a, type: claude, prompt: hi, model: nobody}\n")
    done = evopipe("validate", "odd.yaml", "--json", cwd=home)
    assert done.returncode == 0
    (report,) = json.loads(done.stdout)
    assert report["valid"]
    (found,) = report["diagnostics"]
    assert (found["severity"], found["code"], found["line"]) == ("warning", "missing_price", 3)
    assert found["source_line"].startswith("  - {name: a")
    strict = evopipe("validate", "odd.yaml", "--strict", cwd=home)
    assert strict.returncode == 2
    assert "warning: steps[0].model" in strict.stdout


def test_every_tool_answers_for_a_shipped_pipeline(home: Path) -> None:
    file = ROOT / "pipelines/examples/document_digest.yaml"
    for words, told in {
        ("graph",): "└─ 4 ─ write_report",
        ("graph", "--format", "mermaid"): "flowchart TD",
        ("graph", "--format", "dot"): "digraph",
        ("explain",): "Side by side",
        ("estimate",): "total",
        ("fmt", "--check"): "",
        ("migrate",): "name: document_digest",
    }.items():
        done = evopipe(*words, file, cwd=home)
        assert done.returncode == 0, (words, done.stderr)
        assert told in done.stdout
    schema = json.loads(evopipe("schema", cwd=home).stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")


def test_estimate_names_an_unknown_price_and_gives_exact_money(home: Path) -> None:
    steps = "[{name: a, type: claude, provider: anthropic, max_tokens: 1, prompt: 'abcd'}, "
    steps += "{name: b, type: claude, provider: anthropic, model: nobody, prompt: hi}]"
    (home / "x.yaml").write_text(f"name: x\nsteps: {steps}\n")
    told = evopipe("estimate", "x.yaml", cwd=home).stdout
    assert "0.000012 - 0.000014 + unknown" in told
    assert "No price is known for: b (nobody)" in told
    total = json.loads(evopipe("estimate", "x.yaml", "--json", cwd=home).stdout)["total"]
    assert total["cost_usd"] == {"low": "0.000012", "high": "0.000014"}
    assert total["unpriced"] == ["b (nobody)"]


def test_what_is_invalid_or_misspelt_is_a_sentence_and_code_2(home: Path) -> None:
    (home / "bad.yaml").write_text("name: x\n")
    (home / "good.yaml").write_text("name: x\nsteps: [{name: a, type: claude, prompt: '{{ inputs.letter }}'}]\n")
    for words, told in {
        ("graph", "bad.yaml"): "there are no steps",
        ("graph", "good.yaml", "--format", "mermad"): "did you mean mermaid?",
        ("estimate", "good.yaml", "--input", "leter=x"): "did you mean 'letter'?",
        ("explain", "gone.yaml"): "cannot be read",
        ("migrate", "bad.yaml"): "there are no steps",
        ("fmt", "gone.yaml"): "No such file",
    }.items():
        done = evopipe(*words, cwd=home)
        assert (done.returncode, told in done.stderr) == (2, True), (words, done.stderr)


def test_fmt_writes_only_what_changes_and_keeps_the_mode(home: Path) -> None:
    file = home / "x.yaml"
    file.write_text("name:  x # why\n")
    file.chmod(0o640)
    assert evopipe("fmt", "--check", file, cwd=home).returncode == 1
    assert file.read_text() == "name:  x # why\n"
    assert evopipe("fmt", file, cwd=home).returncode == 0
    assert file.read_text() == "name: x  # why\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert evopipe("fmt", "--check", file, cwd=home).returncode == 0


def test_migrate_writes_when_told_to(home: Path) -> None:
    file = home / "old.yaml"
    file.write_text("workflow:\n  name: x # why\n  steps: [{name: a, type: test_echo}]\n")
    assert evopipe("migrate", file, cwd=home).stdout.startswith("name: x # why\n")
    assert file.read_text().startswith("workflow:")
    done = evopipe("migrate", "--write", file, cwd=home)
    assert "the `workflow:` wrapper is gone" in done.stderr
    assert file.read_text().startswith("name: x # why\n")


def test_the_default_models_are_those_of_the_vendors_modules() -> None:
    from actors.providers import anthropic, gemini, offline
    from runtime.known_models import DEFAULT_MODELS

    assert DEFAULT_MODELS == {
        "anthropic": anthropic.DEFAULT_MODEL,
        "gemini": gemini.DEFAULT_MODEL,
        "offline": offline.DEFAULT_MODEL,
    }
