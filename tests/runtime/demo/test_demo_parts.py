"""The demo's own parts: what they claim must not hold by accident."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.language import InvalidPipelineError, load_pipeline
from runtime.demo.checks import Checks
from runtime.demo.home import temporary_home
from runtime.demo.metrics import Scrape
from runtime.demo.stage import scene
from runtime.demo.terminal import Finished, Terminal
from runtime.demo.watching import has_event, process_ended


def test_a_failed_claim_makes_the_whole_demo_fail_and_says_what_was_found() -> None:
    out = io.StringIO()
    checks = Checks(out)
    checks.check(True, "the first holds")
    checks.check(False, "the second does not", found="something else")
    assert not checks.all_held
    assert checks.failures == ["the second does not"]
    assert out.getvalue() == "PASS the first holds\nFAIL the second does not\n   found: something else\n"


def test_a_demo_that_checked_nothing_has_not_held() -> None:
    assert not Checks(io.StringIO()).all_held


def test_the_temporary_home_hides_keys_and_is_private_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("EVOPIPE_STATE_DIR", "/somewhere/real")
    with temporary_home() as home:
        assert "ANTHROPIC_API_KEY" not in home.environ
        assert "EVOPIPE_STATE_DIR" not in home.environ
        assert stat.S_IMODE(Path(home.environ["XDG_RUNTIME_DIR"]).stat().st_mode) == 0o700
        assert len(str(home.socket)) < 100
    assert not home.root.exists()


def test_a_command_that_overstays_ends_as_124() -> None:
    with temporary_home() as home:
        terminal = Terminal(home, lambda _line: None, program=Path(sys.executable))
        done = terminal.run("-c", "import threading; threading.Event().wait(30)", timeout_s=0.3)
    assert done.code == 124


def test_output_that_is_no_json_object_gives_no_facts() -> None:
    assert Finished(0, "not json", "").facts == {}
    assert Finished(0, "[1]", "").facts == {}
    assert Finished(0, '{"run_id": "r1"}', "").facts == {"run_id": "r1"}


def test_samples_are_summed_over_the_labels_that_are_not_asked_for() -> None:
    found = Scrape(
        (
            ("runs_total", (("pipeline", "a"), ("status", "succeeded")), 2.0),
            ("runs_total", (("pipeline", "b"), ("status", "succeeded")), 3.0),
            ("runs_total", (("pipeline", "b"), ("status", "failed")), 1.0),
        )
    )
    assert found.total("runs_total") == 6
    assert found.total("runs_total", status="succeeded") == 5
    assert found.total("missing_total") == 0


def test_events_are_told_apart_by_kind_and_step() -> None:
    events = [{"kind": "step_started", "step": "one"}]
    assert has_event(events, "step_started", "one")
    assert not has_event(events, "step_started", "two")
    assert not has_event(events, "step_restarted")


def test_the_end_of_a_process_is_seen_and_a_living_one_is_not_taken_for_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert not process_ended(process.pid, 0.05)
        process.kill()
        assert process_ended(process.pid, 10.0)


@pytest.mark.parametrize("name", ["slow_work", "asking", "healing"])
def test_the_scenes_are_valid_pipelines(name: str) -> None:
    assert load_pipeline(scene(name).read_bytes(), source=name).name == name


def test_the_broken_scene_is_refused() -> None:
    with pytest.raises(InvalidPipelineError):
        load_pipeline(scene("broken").read_bytes())
