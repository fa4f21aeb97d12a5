"""`evopipe new` as a whole command: without a node, a key or a network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pipelines.genesis import LONGEST_REQUEST
from pipelines.language import load_pipeline
from tests.command_nursery import run_command

ROOT = Path(__file__).resolve().parents[2]


def evopipe(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVOPIPE_", "XDG_"))}
    env = {name: value for name, value in kept.items() if not name.endswith("_API_KEY")}
    env |= {"PYTHONPATH": str(ROOT), "EVOPIPE_CONFIG": ""}
    return run_command(words, cwd=cwd, env=env, timeout_s=30)


def test_a_sentence_becomes_a_pipeline_on_stdout_and_the_choice_is_explained(tmp_path: Path) -> None:
    done = evopipe("new", "Convert {{ these }} files", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    pipeline = load_pipeline(done.stdout)
    assert (pipeline.name, pipeline.inputs["request"].default) == ("convert_these_files", "Convert {{ these }} files")
    assert "template 'processing', because the request has 'convert' in it" in done.stderr
    assert "no language model has read the request" in done.stderr


def test_a_file_is_written_once_validates_and_is_never_overwritten(tmp_path: Path) -> None:
    first = evopipe("new", "Say hello", "--output", "hello.yaml", cwd=tmp_path)
    assert (first.returncode, first.stdout) == (0, "")
    assert "no keyword of another one is in it" in first.stderr
    checked = evopipe("validate", "--strict", "hello.yaml", cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "hello.yaml: valid (say_hello, 3 steps)\n")
    before = (tmp_path / "hello.yaml").read_bytes()
    again = evopipe("new", "Analyze it", "-o", "hello.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "hello.yaml is there already; name another file" in again.stderr
    assert (tmp_path / "hello.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("new", "  "), "say in a sentence what the pipeline is to do"),
        (("new", "x" * (LONGEST_REQUEST + 1)), "at most 10,000 are read; say it shorter"),
        (("new", "hello", "-o", "nowhere/p.yaml"), "nowhere/p.yaml cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_used_is_said_with_the_remedy(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    done = evopipe(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
