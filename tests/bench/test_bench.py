"""The measurements themselves, in a tiny size: whether they run and what they write, never how fast they were."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.actors.beam import MISSING, beam_figures
from bench.figures import Scale
from bench.targets import TARGETS, at, lines, verdicts

ROOT = Path(__file__).resolve().parents[2]


def bench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one tiny run of all measurements has written."""
    directory = tmp_path_factory.mktemp("bench")
    done = bench("--scale", "0.002", "--output", "out", cwd=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (directory / "out").iterdir()) == [
        "actors.json",
        "admission.json",
        "durable.json",
        "engine.json",
        "language.json",
        "report.json",
        "startup.json",
        "switches.json",
    ]
    return json.loads((directory / "out" / "report.json").read_text(encoding="utf-8"))


@pytest.mark.timeout(600)
def test_every_target_has_a_figure_in_the_report(report: dict[str, Any]) -> None:
    missing = [target.path for target in TARGETS if at(report, target.path) is None]
    assert missing == []
    assert [each["path"] for each in report["targets"]] == [target.path for target in TARGETS]


@pytest.mark.timeout(600)
def test_the_baseline_is_measured_in_the_same_run(report: dict[str, Any]) -> None:
    for peer in ("threading_actor", "bare_asyncio"):
        for figure in ("spawns_per_s", "kb_per_actor", "calls_per_s", "tells_per_s"):
            assert figure in report["actors"][peer]
    assert report["engine"]["bare_asyncio"]["step_us"] > 0
    for group, figure in (("load_20", "yaml_and_schema"), ("conditions", "python"), ("templates", "jinja")):
        assert report["language"][group][f"ratio_to_{figure}"] > 0


@pytest.mark.timeout(600)
def test_the_beam_does_the_same_work_or_the_report_says_how_to_get_it(report: dict[str, Any]) -> None:
    beam = report["actors"]["beam"]
    if beam == MISSING:
        assert "install_peers.sh" in beam
        return
    assert beam["calls_per_s"] > 0
    assert beam["recovery"]["p50_ms"] > 0


def test_without_erlang_the_report_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert beam_figures(Scale(0.001), rounds=1) == MISSING
    assert MISSING.startswith("not installed: ")


@pytest.mark.timeout(600)
def test_no_run_of_the_engine_fails_under_measurement(report: dict[str, Any]) -> None:
    assert report["engine"]["evopipe"]["at_once_5000"]["failed"] == 0


@pytest.mark.timeout(600)
def test_no_call_begins_after_a_kill_and_no_run_is_lost_by_it_under_measurement(report: dict[str, Any]) -> None:
    levels = report["switches"]["live_10000"]
    assert list(levels) == ["node", "tenant", "evolution", "pipeline", "provider", "step"]
    assert {(figures["late_calls"], figures["failed"]) for figures in levels.values()} == {(0, 0)}


@pytest.mark.timeout(600)
def test_less_than_the_full_work_is_not_judged(report: dict[str, Any]) -> None:
    assert {each["met"] for each in report["targets"]} == {None}


def test_a_missed_target_is_said_in_the_report_and_in_words() -> None:
    slow = {"engine": {"evopipe": {"step_us": 251.0}}}
    (verdict,) = verdicts(slow)
    assert (verdict["found"], verdict["value"], verdict["met"]) == (251.0, 250, False)
    (line,) = lines(slow)
    assert line.startswith("MISSED engine.evopipe.step_us")
    (kept,) = verdicts({"engine": {"evopipe": {"step_us": 250.0}}})
    assert kept["met"] is True


def test_a_measurement_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    done = bench("engnie", cwd=tmp_path)
    assert done.returncode == 2
    known = "actors, engine, language, durable, switches, admission, startup"
    assert f"no measurement named engnie; there are {known}" in done.stderr
