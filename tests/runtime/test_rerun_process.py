"""`history`, `replay` and `resume` of runs in a real node, over kill -9."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import exits
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon

# `gate` fails until its file is there; `inner` is nested; `each` has inner steps of its own.
PIPELINE = """\
name: chain
steps:
  - {name: a, type: test_echo, value: one}
  - name: each
    type: for_loop
    depends_on: [a]
    data_source: "{{ [1, 2] }}"
    iterator: n
    steps: [{name: say, type: test_echo, value: "{{ loop.n }}"}]
  - {name: gate, type: file_ops, operation: read, path: gate.txt, depends_on: [each], on_error: fail}
  - {name: z, type: test_echo, value: "{{ steps.a }} and {{ steps.gate.content }}"}
finally:
  - {name: tidy, type: test_echo, value: tidied}
outputs: {z: "{{ steps.z }}"}
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        yield command


def failed_run(evopipe: Command) -> tuple[str, Path]:
    """A run that has failed at `gate`, and the file that `gate` wants."""
    (evopipe.home / "chain.yaml").write_text(PIPELINE, encoding="utf-8")
    work = evopipe.home / "work"
    assert evopipe("up").returncode == exits.OK
    ran = evopipe("run", "chain.yaml", "-w", str(work), "--detach")
    run_id = ran.stdout.strip()
    assert evopipe("follow", run_id).returncode == exits.FAILED
    return run_id, work / "gate.txt"


def history(evopipe: Command, run_id: str) -> dict[str, Any]:
    told = evopipe("history", run_id, "--json")
    assert told.returncode == exits.OK, told.stderr
    return json.loads(told.stdout)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["step"]: step for step in found["steps"] if not step["kept"] and step["former"] is None}


def test_the_history_shows_every_recorded_step_in_order_with_nested_paths(evopipe: Command) -> None:
    run_id, _ = failed_run(evopipe)
    found = history(evopipe, run_id)
    assert list(rows(found))[:5] == ["a", "each[0]/say", "each[1]/say", "each", "gate"]
    gate = rows(found)["gate"]
    assert gate["status"] == "failed"
    assert gate["error"]
    assert gate["bytes"] > 0
    assert rows(found)["each[1]/say"]["level"] == 2
    shown = evopipe("history", run_id).stdout
    assert "each[1]/say" in shown
    assert "failed" in shown
    assert evopipe("history", "run-nobody").returncode == exits.INVALID


def test_a_failed_run_goes_on_under_its_id_and_repeats_nothing_also_after_kill_9(evopipe: Command) -> None:
    run_id, gate = failed_run(evopipe)
    before = rows(history(evopipe, run_id))
    pid = evopipe.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    assert evopipe("up").returncode == exits.OK
    gate.write_text("two", encoding="utf-8")
    resumed = evopipe("resume", run_id)
    assert resumed.returncode == exits.OK, resumed.stderr
    assert resumed.stdout == "one and two\n"
    found = history(evopipe, run_id)
    after = rows(found)
    assert found["status"] == "succeeded"
    assert {name: after[name]["at"] for name in ("a", "each", "each[0]/say")} == {
        name: before[name]["at"] for name in ("a", "each", "each[0]/say")
    }
    assert after["tidy"]["at"] > before["tidy"]["at"], "what tidies up does so at every ending"
    former = [step["step"] for step in found["steps"] if step["former"] == 1]
    assert "gate" in former
    assert found["resumed"][0]["definition"] == "same"
    again = evopipe("resume", run_id)
    assert again.returncode == exits.INVALID
    assert f"evopipe replay {run_id} --from STEP" in again.stderr


def test_a_failed_run_goes_on_in_the_node_in_which_it_failed_and_its_followers_see_the_new_end(
    evopipe: Command,
) -> None:
    run_id, gate = failed_run(evopipe)
    gate.write_text("two", encoding="utf-8")
    resumed = evopipe("resume", run_id)
    assert (resumed.stdout, "gap" in resumed.stderr) == ("one and two\n", False), resumed.stderr
    assert evopipe("follow", run_id).stdout == "one and two\n"


def test_a_replay_takes_over_what_still_holds_and_says_what_it_was_made_of(evopipe: Command) -> None:
    run_id, gate = failed_run(evopipe)
    gate.write_text("two", encoding="utf-8")
    assert evopipe("resume", run_id).returncode == exits.OK
    planned = evopipe("replay", run_id, "--from", "gate", "--dry-run")
    assert planned.stdout.splitlines() == [
        "taken over: a, each", "anew: gate: it was asked for", "anew: z: it depends on 'gate'",
    ]  # fmt: skip
    gate.write_text("three", encoding="utf-8")
    new_id = evopipe("replay", run_id, "--from", "gate", "--detach").stdout.strip()
    assert new_id != run_id
    assert evopipe("follow", new_id).stdout == "one and three\n"
    found = history(evopipe, new_id)
    assert found["made_of"]["run_id"] == run_id
    assert found["made_of"]["taken_over"] == ["a", "each"]
    assert [name for name, step in rows(found).items() if step["taken_over"]] == [
        "a", "each[0]/say", "each[1]/say", "each",
    ]  # fmt: skip
    assert rows(history(evopipe, run_id))["z"]["status"] == "succeeded", "the first run stays as it was"


def test_a_replay_begins_at_a_step_inside_of_a_loop_and_keeps_the_passes_before_it(evopipe: Command) -> None:
    run_id, gate = failed_run(evopipe)
    gate.write_text("two", encoding="utf-8")
    assert evopipe("replay", run_id, "--from", "each[1]/say", "--dry-run").stdout.splitlines()[:2] == [
        "taken over: a, each[0]/say", "anew: each: 'each[1]/say' in it was asked for",
    ]  # fmt: skip
    replayed = evopipe("replay", run_id, "--from", "each[1]/say", "--detach")
    new_id = replayed.stdout.strip()
    assert evopipe("follow", new_id).stdout == "one and two\n"
    steps = rows(history(evopipe, new_id))
    assert {name: step["taken_over"] for name, step in steps.items()} == {
        "a": True, "each[0]/say": True, "each[1]/say": False, "each": False, "gate": False, "z": False, "tidy": False,
    }  # fmt: skip


def test_with_another_definition_only_what_changed_and_what_depends_on_it_runs_anew(evopipe: Command) -> None:
    run_id, gate = failed_run(evopipe)
    gate.write_text("two", encoding="utf-8")
    assert evopipe("resume", run_id).returncode == exits.OK
    (evopipe.home / "other.yaml").write_text(PIPELINE.replace("} and {", "} und {"), encoding="utf-8")
    replayed = evopipe("replay", run_id, "--definition", "other.yaml")
    assert replayed.stdout == "one und two\n", replayed.stderr
    assert "anew: z." in replayed.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "nothing would run anew"),
        (("--from", "nobody"), "there are: a, each, gate, z"),
        (("--from", "tidy"), "`finally` step"),
        (("--from", "each[7]/say"), "--from each"),
        (("--definition", "chain.yaml"), "nothing would run anew"),
    ],
)
def test_a_replay_that_makes_no_sense_is_refused_with_the_choice(
    evopipe: Command, words: tuple[str, ...], sentence: str
) -> None:
    run_id, gate = failed_run(evopipe)
    gate.write_text("two", encoding="utf-8")
    assert evopipe("resume", run_id).returncode == exits.OK
    refused = evopipe("replay", run_id, *words)
    assert refused.returncode == exits.INVALID
    assert sentence in refused.stderr
