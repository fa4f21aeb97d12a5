"""Pipelines that do not hold: the node tells where, which key, what it expected and how to put it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.cli import exits
from runtime.cli.session import UsageProblem, parse_inputs
from tests.bad_input.live import HEAD, SMALL, LiveNode

pytestmark = pytest.mark.daemon


def bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    return "\n".join(["name: x", *lines, "steps: *a11\n"])


def step(more: str) -> str:
    return f"{HEAD}  - {{name: a, {more}}}\n"


def set_x(value: str) -> str:
    return step(f"type: set_variable, variables: {{x: {value}}}")


CASES = {
    "invalid YAML": (step("type: claude") + "  - b: [\n", ["p.yaml:5:1: ", "Expected valid YAML", "Fix: check"]),
    "a tab": (f"{HEAD}\t- a\n", ["p.yaml:3:1: a tab cannot indent", "Fix: indent with spaces"]),
    "an unknown key": (
        step("type: claude, promt: x"),
        ["p.yaml:3:29: steps[0].promt: unknown key 'promt'", "Expected one of: ", "Fix: write 'prompt'"],
    ),
    "an unknown top key": (f"stepz: 1\n{SMALL}", ["p.yaml:1:1: stepz: unknown key", "Fix: write 'steps'"]),
    "an unknown step type": (
        step("type: cluade, prompt: x"),
        ["p.yaml:3:21: steps[0].type: ", "'cluade'", "Expected one of: claude", "Fix: write 'type: claude'"],
    ),
    "a cycle": (
        HEAD
        + "  - {name: a, type: claude, prompt: '{{steps.b.result}}'}\n"
        + "  - {name: b, type: claude, prompt: '{{steps.a.result}}'}\n",
        ["p.yaml:3:5: steps[0]: ", "a → b → a", "Expected steps without a circle", "Fix: remove one"],
    ),
    "a missing step": (
        step("type: claude, prompt: '{{steps.summry.result}}'") + "  - {name: summary, type: claude, prompt: x}\n",
        ["p.yaml:3:40: steps[0].prompt: there is no step 'summry'", "Fix: write 'summary'"],
    ),
    "wrong types": (
        step("type: claude, prompt: 7, timeout_s: soon"),
        [
            "p.yaml:3:37: steps[0].prompt: Step 'a' prompt must be text or a list of prompt parts, got 7",
            "p.yaml:3:51: steps[0].timeout_s: Step 'a' timeout_s must be a number, got 'soon'",
        ],
    ),
    "a map for a list": ("name: x\nsteps: {a: 1}\n", ["'steps' array, got {'a': 1}. Expected a list. Fix: "]),
    "a YAML bomb": (bomb(), ["aliases expand to more than 100000 values", "Fix: write the values out"]),
    "an alias of itself": ("name: x\nsteps: &a [*a]\n", ["p.yaml:2:8: an alias contains itself", "Fix: "]),
    "a tag that builds Python objects": (
        step("type: claude, prompt: !!python/object/apply:os.system ['id']"),
        ["p.yaml:3:29: steps[0].prompt: the tag tag:yaml.org,2002:python/object", "Fix: remove the tag"],
    ),
    "a tag on the whole file": ("!!python/object:os.system {}\n", ["p.yaml:1:1: the tag", "Fix: remove the tag"]),
    "a binary value": (set_x("!!binary aGk="), ["steps[0].variables.x: the tag", "Fix: remove the tag"]),
    "an escaped NUL": (set_x('"a\\0b"'), ["steps[0].variables.x: the text has a NUL character", "Fix: remove it"]),
    "a raw NUL": (set_x('"a\0b"'), ["the character U+0000 is not allowed"]),
    "half a character": (set_x('"\\ud800"'), ["p.yaml:3:", "Expected valid YAML"]),
    "a duplicate key": (
        step("type: claude, prompt: x, prompt: y"),
        ["p.yaml:3:40: steps[0].prompt: the key 'prompt' is given twice (first on line 3, column 29)", "Fix: remove"],
    ),
    "a number that is none": (set_x(".nan"), ["steps[0].variables.x: .nan is no finite number"]),
    "a number of 5000 digits": (set_x("9" * 5000), ["steps[0].variables.x: cannot read", "Fix: quote it"]),
    "two documents": (f"{SMALL}---\n{SMALL}", ["p.yaml:4:1: a second document begins here", "Fix: split"]),
    "nothing": ("", ["p.yaml:1:1: the text is empty", "Expected a map with name and steps"]),
    "a sentence": ("hello there", ["the file holds plain text", "Fix: begin with `name:`"]),
    "a list": ("- 1\n", ["the file holds a list", "Fix: begin with `name:`"]),
    "200 levels": (f"name: x\nsteps: {'[' * 200}{']' * 200}\n", ["p.yaml:2:", "nested deeper than 60 levels", "Fix: "]),
    "100,000 levels": (f"name: x\nsteps: {'[' * 100_000}", ["nested deeper than 60 levels", "Fix: "]),
    "3,000 brackets in a template": (
        step(f"type: claude, prompt: '{{{{ {'(' * 3000}1{')' * 3000} }}}}'"),
        ["steps[0].prompt: the expression is nested too deeply", "Expected an expression", "Fix: "],
    ),
    "a condition without end": (
        step(f"type: claude, prompt: x, condition: '{'not ' * 5000}true'"),
        ["steps[0].condition: the condition is longer than 10000 characters", "Fix: "],
    ),
    "10,000 steps": (
        HEAD + "".join(f"  - {{name: s{i}, type: test_echo}}\n" for i in range(10_000)),
        ["p.yaml:10002:5: more than 50000 values. Fix: split the pipeline into several files"],
    ),
    "2,001 steps": (
        HEAD + "".join(f"  - {{name: s{i}, type: test_echo}}\n" for i in range(2001)),
        ["p.yaml:2:1: steps: 'steps' is too long. Expected at most 2000 entries. Fix: split it"],
    ),
    "a name of 10,000 letters": (
        f"name: {'n' * 10_000}\nsteps: []\n",
        ["p.yaml:1:7: name: 'name' is too long. Expected at most 200 characters. Fix: shorten it"],
    ),
    "a step's name of 10,000 letters": (
        f"{HEAD}  - {{name: {'n' * 10_000}, type: claude, prompt: x}}\n",
        ["p.yaml:3:12: steps[0].name: 'name' is too long", "Fix: shorten it"],
    ),
    "a key of 900 letters": (step(f"type: test_echo, {'k' * 900}: 1"), ["unknown key 'kkk", "Fix: remove it"]),
    "a name with a terminal's escape": (step('type: test_echo, name: "a\\e[31m"'), ["steps[0].name: "]),
    "Python's classes in a template": (
        step("type: claude, prompt: '{{ steps.__class__.__mro__ }}'"),
        ["p.yaml:3:37: steps[0].prompt: '__mro__' is not reachable", "Expected an expression", "Fix: "],
    ),
    "Python's globals in a template": (
        step("""type: claude, prompt: '{{ cycler.__init__.__globals__.os.popen("id").read() }}'"""),
        ["steps[0].prompt: '__globals__' is not reachable", "Fix: "],
    ),
    "a filter that reads attributes": (
        step("""type: claude, prompt: '{{ inputs|attr("__class__") }}'"""),
        ["steps[0].prompt: there is no filter 'attr' (there are: ", "Fix: "],
    ),
    "a path that climbs": (
        step("type: file_ops, operation: read, path: ../../etc/passwd"),
        ["steps[0].path: the path '../../etc/passwd' leaves the workspace", "Fix: put the file into the workspace"],
    ),
    "an absolute path": (
        step("type: file_ops, operation: read, path: /etc/passwd"),
        ["steps[0].path: the path '/etc/passwd' leaves the workspace", "Fix: "],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_definition_that_does_not_hold_is_told_with_place_key_expectation_and_fix(node: LiveNode, name: str) -> None:
    definition, expected = CASES[name]
    checked = node.validate(definition)
    told = "\n".join(each["text"] for each in checked.body["diagnostics"])
    assert (checked.status, checked.body["valid"]) == (200, False)
    for words in expected:
        assert words in told
    assert len(checked.text) < 20_000
    if definition:  # an empty one is refused as a request already
        refused = node.run(definition, source="p.yaml")
        assert (refused.status, refused.error["code"]) == (422, "invalid_pipeline")
        assert [each["text"] for each in refused.error["details"]] == told.split("\n")


@pytest.mark.parametrize(
    "definition",
    [
        HEAD
        + "".join(
            f"  - {{name: number_{i}, type: claude, prompt: '{{{{steps.nubmer_{i}x}}}}'}}\n" for i in range(1000)
        ),
        SMALL + "".join(f"key_{i}: 1\n" for i in range(20_000)),
        SMALL + "key: 1\n" * 20_000,
    ],
    ids=["1,000 missing steps", "20,000 unknown keys", "one key 20,000 times"],
)
def test_thousands_of_mistakes_are_told_soon_and_in_part(node: LiveNode, definition: str) -> None:
    told = node.validate(definition).body["diagnostics"]
    assert len(told) == 101
    assert "more findings" in told[-1]["message"]


def test_a_file_of_50_megabytes_is_refused_by_the_command_and_by_the_socket(node: LiveNode) -> None:
    file = node.evopipe.home / "huge.yaml"
    file.write_bytes(b"name: x\n" + b"# 789012345678\n" * 3_400_000)
    done = node.evopipe("run", "huge.yaml")
    assert done.returncode == exits.INVALID
    assert "huge.yaml: the text is larger than 2097152 bytes. Fix: split" in done.stderr
    refused = node.post("/v1/runs", b'{"definition": "' + file.read_bytes().replace(b"\n", b"\\n") + b'"}')
    assert (refused.status, refused.error["code"]) == (413, "too_large")
    assert "limits.request_bytes" in refused.error["message"]


def test_a_file_that_never_ends_does_not_fill_the_memory(node: LiveNode) -> None:
    done = node.evopipe("validate", "/dev/zero")
    assert done.returncode == exits.INVALID
    assert "larger than" in done.stdout


def test_a_file_that_is_not_utf8_is_told_with_line_and_column(node: LiveNode) -> None:
    (node.evopipe.home / "latin.yaml").write_bytes(b"name: x\nsteps:\n  - {name: caf\xe9}\n")
    for command in ("validate", "run"):
        done = node.evopipe(command, "latin.yaml")
        assert done.returncode == exits.INVALID
        assert "latin.yaml:3:15: the byte 0xe9 is not UTF-8. Fix: save the file as UTF-8" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("bomb.yaml", bomb().encode(), "aliases expand to more than"),
        ("tag.yaml", b"x: !!python/object/apply:os.system [id]\n", "the tag"),
        ("nan.json", b'{"x": NaN}', "NaN is not JSON"),
        ("deep.json", b'{"x": ' + b"[" * 100_000, "nested too deeply"),
        ("latin.json", b'{"x": "\xe9"}', "is not UTF-8"),
    ],
)
def test_a_file_of_inputs_is_held_to_the_same_limits(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageProblem) as caught:
        parse_inputs([], tmp_path / name)
    assert name in str(caught.value)
    assert told in str(caught.value)


def test_a_file_of_inputs_that_is_no_good_is_told_by_the_command(node: LiveNode) -> None:
    (node.evopipe.home / "small.yaml").write_text(SMALL, encoding="utf-8")
    (node.evopipe.home / "bomb.yaml").write_text(bomb(), encoding="utf-8")
    done = node.evopipe("run", "small.yaml", "--input-file", "bomb.yaml")
    assert done.returncode == exits.INVALID
    assert "bomb.yaml:7:5: aliases expand to more than 100000 values. Fix: " in done.stderr
    assert "Traceback" not in done.stderr
