"""Pipelines that hold and then misbehave: templates that reach for Python, steps that leave the workspace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bad_input.live import HEAD, SMALL, LiveNode

pytestmark = pytest.mark.daemon


def set_x(template: str) -> str:
    return f"{HEAD}  - {{name: a, type: set_variable, variables: {{x: '{template}'}}}}\n"


def file_step(more: str) -> str:
    return f"{HEAD}  - {{name: a, type: file_ops, path: '{{{{ inputs.p }}}}', {more}}}\n"


READ = file_step("operation: read")
WRITE = file_step("operation: write, content: new")


@pytest.mark.parametrize(
    ("template", "inputs", "told"),
    [
        ("{{ inputs[inputs.k] }}", {"k": "__class__"}, "'__class__' is not reachable"),
        ('{{ "{0.__class__}".format(inputs) }}', {}, "there is no 'format' here"),
        ('{{ "%s" % inputs }}', {}, "% does not format text here"),
        ("{{ 9**9**9**9 }}", {}, "** is limited"),
        ('{{ "a" * 10**12 }}', {}, "repetition is too long"),
        ("{% for i in range(10**9) %}x{% endfor %}", {}, "range() is limited"),
        ("{{ inputs.k|fromjson }}", {"k": "NaN"}, "NaN is not JSON"),
    ],
)
def test_a_template_cannot_reach_python_or_take_the_node_with_it(
    node: LiveNode, template: str, inputs: dict[str, str], told: str
) -> None:
    done = node.run(set_x(template), inputs=inputs)
    assert done.body["status"] == "failed"
    assert done.body["error"]["code"] == "template_error"
    assert told in done.body["error"]["message"]


@pytest.fixture
def outside(node: LiveNode) -> Path:
    """A file beside the workspace, and a link to it and to its directory within."""
    file = node.evopipe.home / "outside.txt"
    file.write_text("keep me", encoding="utf-8")
    node.workspace.mkdir(exist_ok=True)
    for link, target in (("link", file), ("dir", file.parent), ("loop", "loop")):
        if not (node.workspace / link).is_symlink():
            (node.workspace / link).symlink_to(target)
    return file


@pytest.mark.parametrize("definition", [READ, WRITE, file_step("operation: delete")], ids=["read", "write", "delete"])
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("../outside.txt", "climbs out with '..'"),
        ("a/../../outside.txt", "climbs out with '..'"),
        ("{outside}", "is outside of the workspace"),
        ("link", "is a symbolic link"),
        ("dir/outside.txt", "is a symbolic link"),
        ("loop", "is a symbolic link"),
        ("a\0b", "NUL"),
    ],
)
def test_a_file_step_does_not_leave_the_workspace(
    node: LiveNode, outside: Path, definition: str, path: str, told: str
) -> None:
    done = node.run(definition, inputs={"p": path.replace("{outside}", str(outside))})
    assert done.body["status"] == "failed"
    assert (done.body["error"]["code"], done.body["error"]["attempts"]) == ("outside_workspace", 1)
    assert told in done.body["error"]["message"]
    assert outside.read_text(encoding="utf-8") == "keep me"


@pytest.mark.parametrize("definition", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("n" * 5000, "the name is longer than this file system allows"),
        (".", "is the workspace itself"),
        ("\ud800", "holds U+D800, half of a character"),
        ("plain/below", "'plain' is not a directory"),
    ],
    ids=["long", "dot", "surrogate", "below a file"],
)
def test_a_path_that_no_file_can_have_is_told_and_not_tried_again(
    node: LiveNode, definition: str, path: str, told: str
) -> None:
    node.workspace.mkdir(exist_ok=True)
    (node.workspace / "plain").write_text("x", encoding="utf-8")
    done = node.run(definition, inputs={"p": path})
    assert done.body["status"] == "failed"
    assert (done.body["error"]["code"], done.body["error"]["attempts"]) == ("workspace_file", 1)
    assert told in done.body["error"]["message"]
    assert len(done.text) < 3_000


def test_text_that_no_file_can_hold_is_told(node: LiveNode) -> None:
    definition = f"{HEAD}  - {{name: a, type: file_ops, operation: write, path: x.txt, content: '{{{{inputs.p}}}}'}}\n"
    done = node.run(definition, inputs={"p": "\ud800"})
    assert "holds U+D800, half of a character" in done.body["error"]["message"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("nan.json", b'{"x": NaN}', "NaN is not JSON"),
        ("latin.txt", b"caf\xe9", "is not UTF-8 text (byte 3)"),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_as_what_it_says_is_told(
    node: LiveNode, name: str, content: bytes, told: str
) -> None:
    node.workspace.mkdir(exist_ok=True)
    (node.workspace / name).write_bytes(content)
    done = node.run(READ, inputs={"p": name})
    assert (done.body["status"], done.body["error"]["code"]) == ("failed", "workspace_file")
    assert told in done.body["error"]["message"]


def test_a_pipe_in_the_workspace_does_not_hang_the_step(node: LiveNode) -> None:
    node.workspace.mkdir(exist_ok=True)
    pipe = node.workspace / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    done = node.run(READ, inputs={"p": "pipe"})
    assert "is not a regular file" in done.body["error"]["message"]


def test_a_workspace_that_does_not_exist_is_made(node: LiveNode) -> None:
    missing = node.evopipe.home / "not" / "yet" / "there"
    assert node.run(SMALL, workspace=str(missing)).body["status"] == "succeeded"
    assert missing.is_dir()


def test_a_workspace_that_cannot_be_used_is_told_before_the_run_begins(node: LiveNode) -> None:
    plain = node.evopipe.home / "plain"
    plain.write_text("x", encoding="utf-8")
    closed = node.evopipe.home / "closed"
    closed.mkdir(mode=0o500, exist_ok=True)
    wrong = [(plain, "it is not a directory"), (plain / "below", "Not a directory"), (Path("/dev/null/x"), "directory")]
    wrong += [(Path("/" + "n" * 4000), "File name too long")]
    if os.geteuid() != 0:  # root may write anywhere
        wrong += [(closed, "may not read and write"), (closed / "below", "Permission denied")]
    for directory, told in wrong:
        answer = node.run(SMALL, workspace=str(directory))
        assert (answer.status, answer.error["code"]) == (422, "workspace_unusable")
        assert told in answer.error["message"]
        assert "Expected a directory" in answer.error["message"]
        assert "Fix: name another one" in answer.error["message"]


def test_a_workspace_that_vanishes_during_a_run_fails_the_step(node: LiveNode) -> None:
    definition = f"{HEAD}  - {{name: a, type: file_ops, operation: delete, path: ''}}\n"
    done = node.run(definition)
    assert done.body["error"]["code"] == "workspace_file"


def test_a_pipeline_may_not_choose_a_workspace_outside_of_where_it_starts(node: LiveNode) -> None:
    body = {"definition": f"workspace_dir: /etc\n{SMALL}", "base_dir": str(node.evopipe.home)}
    answer = node.post("/v1/runs", body)
    assert (answer.status, answer.error["code"]) == (422, "workspace_outside")
    assert "--workspace" in answer.error["message"]


def test_pipelines_nested_too_deeply_fail_with_their_chain(node: LiveNode) -> None:
    inner = "{name: z, type: set_variable, variables: {x: 1}}"
    for _ in range(14):
        inner = f"{{name: p, type: pipeline, pipeline: {{name: y, steps: [{inner}]}}}}"
    done = node.run(f"{HEAD}  - {inner}\n")
    assert (done.body["status"], done.body["error"]["code"]) == ("failed", "limit_reached")


def test_a_loop_over_too_many_items_is_refused(node: LiveNode) -> None:
    loop = "{name: l, type: for_loop, iterator: i, data_source: inputs.xs, steps: [{name: b, type: test_echo}]}"
    done = node.run(f"{HEAD}  - {loop}\n", inputs={"xs": list(range(20_000))})
    assert (done.body["status"], done.body["error"]["code"]) == ("failed", "loop_input")
