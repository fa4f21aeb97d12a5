"""The node's library as a user meets it: registering, running by name, references bound at submission, damage."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.cli import exits
from runtime.client import NodeClient
from tests.node_for_tests import Command, node_home, wait_gone

pytestmark = pytest.mark.daemon

INNER = """\
name: inner
version: {version}
inputs: {{n: {{type: integer}}}}
steps: [{{name: a, type: test_echo, value: "{{{{ inputs.n }}}} by {version}"}}]
"""
MIDDLE = """\
name: middle
inputs: {n: {type: integer}}
steps: [{name: b, type: pipeline, pipeline_ref: inner, inputs: {n: "{{ inputs.n }}"}}]
"""
OUTER = """\
name: outer
steps:
  - {name: wait, type: test_echo, value: 7, delay_s: 2}
  - {name: m, type: pipeline, pipeline_ref: middle@1, inputs: {n: "{{ steps.wait }}"}}
outputs: {said: "{{ steps.m.result.b.a }}"}
"""


@pytest.fixture
def evopipe() -> Iterator[Command]:
    with node_home() as command:
        for name, text in (("middle", MIDDLE), ("outer", OUTER), ("inner1", INNER.format(version="1.0"))):
            (command.home / f"{name}.yaml").write_text(text, encoding="utf-8")
        (command.home / "inner2.yaml").write_text(INNER.format(version="2.0"), encoding="utf-8")
        yield command


def library_of(evopipe: Command) -> Path:
    (found,) = evopipe.home.rglob("library")
    return found


def kill_9(evopipe: Command) -> None:
    pid = int(evopipe.status()["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def until_recorded(evopipe: Command, run_id: str, step: str) -> None:
    deadline = time.monotonic() + 10
    with NodeClient(evopipe.socket, timeout_s=30) as client:
        while time.monotonic() < deadline:
            if step in client.get(f"/v1/runs/{run_id}")["steps"]:
                return
    raise AssertionError(f"{step} has no result")


def test_a_run_keeps_what_its_references_meant_when_it_was_submitted_also_after_kill_9(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    assert evopipe("register", "inner1.yaml").returncode == exits.OK
    done = evopipe("register", "middle.yaml")
    assert done.stdout.startswith("middle@1 registered"), done.stderr
    run_id = evopipe("run", "outer.yaml", "--detach").stdout.strip()
    assert evopipe("register", "inner2.yaml").returncode == exits.OK
    assert evopipe("unregister", "middle@1").returncode == exits.OK
    kill_9(evopipe)
    assert evopipe("up").returncode == exits.OK
    with NodeClient(evopipe.socket, timeout_s=60) as client:
        outcome = client.outcome(run_id, wait_s=30)
    assert (outcome["status"], outcome["outputs"]) == ("succeeded", {"said": "7 by 1.0"})
    assert "no pipeline 'middle'" in evopipe("run", "outer.yaml").stderr


def test_names_versions_and_hashes_run_and_a_file_goes_before_a_name(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    first = evopipe("run", "inner", "-i", "n=1")
    assert (first.stdout, "inner@1.0 of the node's library" in first.stderr) == ("1 by 1.0\n", True)
    evopipe("register", "inner2.yaml")
    assert evopipe("run", "inner", "-i", "n=1").stdout == "1 by 2.0\n"
    assert evopipe("run", "--ref", "inner@1.0", "-i", "n=1").stdout == "1 by 1.0\n"
    listed = json.loads(evopipe("pipelines", "--json").stdout)["pipelines"]
    (old,) = [each for each in listed if (each["name"], each["version"]) == ("inner", "1.0")]
    assert evopipe("run", "--ref", f"inner@{old['content_hash'][:10]}", "-i", "n=1").stdout == "1 by 1.0\n"
    (evopipe.home / "inner").write_text(INNER.format(version="mine"), encoding="utf-8")
    mine = evopipe("run", "inner", "-i", "n=1")
    assert (mine.stdout, "running the file inner" in mine.stderr) == ("1 by mine\n", True)
    assert "by 1.0" in evopipe("pipelines", "show", "inner@1.0").stdout
    assert {"document_digest", "csv_quality_check"} <= {each["name"] for each in listed if each["origin"] == "shipped"}


def test_a_version_never_changes_and_the_same_content_again_is_no_change(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    again = evopipe("register", "inner1.yaml")
    assert (again.returncode, "was there already" in again.stdout) == (exits.OK, True)
    other = evopipe("register", "inner2.yaml", "--version", "1.0")
    assert (other.returncode, "a version never changes" in other.stderr) == (exits.INVALID, True)
    for name in ("../evil", "a/b", "@x", "..", ".hidden"):
        wrong = evopipe("register", "inner1.yaml", "--name", name)
        assert wrong.returncode == exits.INVALID, name
        assert "Traceback" not in wrong.stderr
    for version in ("../1", "a@b", " ", "x" * 100):
        assert evopipe("register", "inner1.yaml", "--version", version).returncode == exits.INVALID, version
    assert len(list(library_of(evopipe).iterdir())) == 1


def test_an_edited_file_is_refused_alone_and_can_be_unregistered(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    evopipe("register", "inner2.yaml")
    library = library_of(evopipe)
    assert library.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in library.iterdir()} == {0o600}
    (newest,) = library.glob("*@inner@2.0@*")
    newest.write_text(newest.read_text().replace("by 2.0", "by 3.0"))
    refused = evopipe("run", "inner", "-i", "n=1")
    assert (refused.returncode, "edited by hand" in refused.stderr) == (exits.FAILED, True), refused.stderr
    assert evopipe("run", "--ref", "inner@1.0", "-i", "n=1").stdout == "1 by 1.0\n"
    assert "cannot be used" in evopipe("pipelines").stdout
    assert evopipe("unregister", "inner@2.0").returncode == exits.OK
    assert evopipe("run", "inner", "-i", "n=1").stdout == "1 by 1.0\n"


def test_a_killed_library_comes_back_with_everything(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    assert evopipe("kill-actor", "library").returncode == exits.OK
    assert evopipe("run", "--ref", "inner@1.0", "-i", "n=1").stdout == "1 by 1.0\n"


def test_the_same_key_gives_the_same_run_though_the_reference_leads_elsewhere_by_now(evopipe: Command) -> None:
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    asked = ("run", "inner", "-i", "n=1", "--idempotency-key", "k", "--json")
    first = json.loads(evopipe(*asked).stdout)
    evopipe("register", "inner2.yaml")
    assert json.loads(evopipe(*asked).stdout)["run_id"] == first["run_id"]


def test_validate_uses_the_library_of_this_machine_and_else_says_that_it_cannot(evopipe: Command) -> None:
    unknown = evopipe("validate", "outer.yaml", "--json")
    assert unknown.returncode == exits.OK
    assert [each["code"] for each in json.loads(unknown.stdout)[0]["diagnostics"]] == ["unchecked_reference"]
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    assert "outer.yaml:4:45" in evopipe("validate", "outer.yaml").stdout
    evopipe("register", "middle.yaml")
    assert evopipe("down").returncode == exits.OK
    valid = evopipe("validate", "outer.yaml")
    assert valid.returncode == exits.OK, valid.stdout
    (evopipe.home / "outer.yaml").write_text(OUTER.replace("{n: ", "{m: "), encoding="utf-8")
    wrong = evopipe("validate", "outer.yaml")
    assert "outer.yaml:4:64: steps[1].inputs.m: the pipeline middle@1 has no input 'm'" in wrong.stdout
    assert "needs the input 'n'" in wrong.stdout


def test_references_that_come_up_during_a_run_are_resolved_then(evopipe: Command) -> None:
    workspace = evopipe.home / "workspace"
    workspace.mkdir()
    (workspace / "middle.yaml").write_text(MIDDLE, encoding="utf-8")
    late = """\
name: late
steps:
  - {name: file, type: pipeline, pipeline_file: middle.yaml, inputs: {n: 3}}
  - name: data
    type: pipeline_executor
    inputs: {n: 4}
    pipeline:
      name: made
      inputs: {n: {}}
      steps: [{name: x, type: pipeline, pipeline_ref: inner, inputs: {n: "{{ inputs.n }}"}}]
  - name: lost
    type: pipeline_executor
    pipeline: {name: made, steps: [{name: x, type: pipeline, pipeline_ref: nobody}]}
outputs:
  file: "{{ steps.file.result.b.a }}"
  data: "{{ steps.data.outputs.x.a }}"
  lost: "{{ steps.lost.error.code }}"
"""
    late = late.replace("{{ inputs.n }}", "{% raw %}{{ inputs.n }}{% endraw %}")
    (evopipe.home / "late.yaml").write_text(late, encoding="utf-8")
    assert evopipe("up").returncode == exits.OK
    evopipe("register", "inner1.yaml")
    done = evopipe("run", "late.yaml", "--json")
    assert done.returncode == exits.OK, done.stderr
    outputs = json.loads(done.stdout)["outputs"]
    assert outputs == {"file": "3 by 1.0", "data": "4 by 1.0", "lost": "invalid_pipeline"}
