"""What `file_ops` and `output_dir` do in a real workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actors.runs import RunOutcome
from actors.steps import STEP_EXECUTORS
from pipelines.language import InvalidPipelineError, load_pipeline
from tests.runs_for_tests import small_node
from tests.support import run


def carried_out(text: str, workspace: Path, **inputs: Any) -> RunOutcome:
    async def main() -> RunOutcome:
        node = await small_node(executors={"test_echo": STEP_EXECUTORS["test_echo"]})
        try:
            return await node.run(text, workspace=str(workspace), inputs=inputs)
        finally:
            await node.kernel.shutdown()

    return run(main(), 15)


def only_step(keys: str, workspace: Path) -> Any:
    outcome = carried_out(f"name: p\nsteps: [{{name: s, type: file_ops, on_error: fail, {keys}}}]\n", workspace)
    return outcome.results["s"] if outcome.status == "succeeded" else outcome.error


def test_a_table_becomes_json_and_back(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,name\n1,tea\n", encoding="utf-8")
    said = only_step("operation: convert, source: t.csv, destination: out/t.json, format: csv_to_json", tmp_path)
    assert said["status"] == "completed"
    assert json.loads((tmp_path / "out" / "t.json").read_text(encoding="utf-8")) == [{"id": "1", "name": "tea"}]
    only_step("operation: convert, source: out/t.json, destination: back.csv, format: json_to_csv", tmp_path)
    assert (tmp_path / "back.csv").read_text(encoding="utf-8") == "id,name\n1,tea\n"


def test_a_text_that_is_not_of_its_format_fails_with_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{", encoding="utf-8")
    said = only_step("operation: convert, source: t.json, destination: t.yaml, format: json_to_yaml", tmp_path)
    assert (said["code"], "t.json" in said["message"]) == ("workspace_file", True)
    assert not (tmp_path / "t.yaml").exists()


def test_files_are_validated_and_every_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc", encoding="utf-8")
    (tmp_path / "d").mkdir()
    good = "{path: a.txt, must_be_file: true, min_size: 3, max_size: 3, must_be_readable: true}"
    good += ", {path: d, must_be_dir: true}"
    absent = "{path: no/such.txt, must_exist: false}"
    said = only_step(f"operation: validate, files: [{good}, {absent}]", tmp_path)
    assert said["status"] == "all_valid"
    assert [each["exists"] for each in said["results"]] == [True, True, False]
    said = only_step(
        "operation: validate, files: [{path: a.txt, min_size: 4}, {path: d, must_be_file: true}, {path: x}]", tmp_path
    )
    for fault in ("3 of 3", "fewer than 4", "is a directory, not a file", "does not exist"):
        assert fault in said["message"]


def test_exists_tells_what_is_there_and_what_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc", encoding="utf-8")
    assert only_step("operation: exists, path: a.txt", tmp_path)["kind"] == "file"
    assert only_step("operation: exists, path: b/c.txt", tmp_path)["exists"] is False


def test_exists_does_not_look_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "way_out").symlink_to("/etc")
    assert only_step("operation: exists, path: way_out/passwd", tmp_path)["code"] == "outside_workspace"


@pytest.mark.parametrize(
    ("processor", "made"),
    [("identity", " Ab \n c"), ("uppercase", " AB \n C"), ("lowercase", " ab \n c"), ("trim", "Ab\nc")],
)
def test_a_text_is_processed(tmp_path: Path, processor: str, made: str) -> None:
    (tmp_path / "a.txt").write_text(" Ab \n c", encoding="utf-8")
    assert only_step(f"operation: stream_process, source: a.txt, processor: {processor}", tmp_path)["text"] == made


def test_a_replacement_is_written_where_the_step_says(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("tea tea", encoding="utf-8")
    keys = "operation: stream_process, source: a.txt, destination: b.txt"
    keys += ", processor: replace, pattern: tea, replacement: cup"
    assert only_step(keys, tmp_path)["size"] == 7
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == "cup cup"


def test_an_operation_that_lacks_something_says_what() -> None:
    with pytest.raises(InvalidPipelineError, match="convert needs destination and format"):
        load_pipeline("name: p\nsteps: [{name: s, type: file_ops, operation: convert, source: a}]")


@pytest.mark.parametrize("keys", ["output_dir: made/here\n", "defaults: {output_dir: made/here}\n"])
def test_results_are_written_below_the_output_dir(tmp_path: Path, keys: str) -> None:
    text = f"name: p\n{keys}steps: [{{name: s, type: test_echo, value: hello, output_to_file: a/b.txt}}]\n"
    assert carried_out(text, tmp_path).status == "succeeded"
    assert (tmp_path / "made" / "here" / "a" / "b.txt").read_text(encoding="utf-8") == "hello"
    assert not (tmp_path / "outputs").exists()


def test_a_nested_pipeline_writes_below_the_outer_output_dir_unless_it_has_its_own(tmp_path: Path) -> None:
    inner = "{name: i, steps: [{name: s, type: test_echo, value: x, output_to_file: f.txt}]}"
    own = inner.replace("name: i,", "name: j, output_dir: theirs,")
    text = f"name: p\noutput_dir: ours\nsteps:\n  - {{name: a, type: pipeline, pipeline: {inner}}}\n"
    text += f"  - {{name: b, type: pipeline, pipeline: {own}}}\n"
    assert carried_out(text, tmp_path).status == "succeeded"
    assert (tmp_path / "ours" / "f.txt").exists()
    assert (tmp_path / "theirs" / "f.txt").exists()


@pytest.mark.parametrize("keys", ["output_dir: ../out\n", "defaults: {output_dir: /tmp/out}\n"])
def test_an_output_dir_outside_of_the_workspace_is_refused(keys: str) -> None:
    with pytest.raises(InvalidPipelineError, match="leaves the workspace"):
        load_pipeline(f"name: p\n{keys}steps: [{{name: s, type: test_echo}}]\n")
