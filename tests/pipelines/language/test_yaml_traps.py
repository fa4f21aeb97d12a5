"""What YAML reads otherwise than people write it: words, numbers, line ends, encodings, keys, tags, documents."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.language import Diagnostic, Pipeline, SetVariableStep, load_pipeline, read_yaml
from tests.pipelines.language.fuzzing import loaded

SMALL = "name: x\nsteps:\n  - {name: a, type: test_echo, value: 1}\n"


def value_of(text: str) -> Any:
    step = load_pipeline(f"name: x\nsteps: [{{name: a, type: set_variable, variables: {{v: {text}}}}}]\n").steps[0]
    assert isinstance(step, SetVariableStep)
    return step.variables["v"]


def only(text: str | bytes) -> Diagnostic:
    found = loaded(text)
    assert not isinstance(found, Pipeline)
    (finding,) = found
    return finding


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("yes", True), ("off", False), ("'no'", "no"), ("y", "y"), ("~", None),
        ("null", None),
        ("010", "010"), ("08", "08"), ("-007", "-007"), ("0", 0), ("-0", 0), ("0.5", 0.5), ("0x10", 16),
        ("0o10", "0o10"),
        ("1:30", "1:30"), ("12:30:45", "12:30:45"), ("1:30.5", "1:30.5"),
        ("1_000", 1000), ("1_000.5", 1000.5), ("1e3", 1000.0), ("1.5E-3", 0.0015), ("'1e3'", "1e3"), ("+1", 1),
        (".5", 0.5),
        ("2024-01-31", "2024-01-31"), ("2024-01-31 10:00:00", "2024-01-31 10:00:00"), ("'on'", "on"), ("=", "="),
        ("!!str 1", "1"), ("!!int '3'", 3),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_people_expect(text: str, value: Any) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


def test_yes_and_no_are_told_as_what_they_are_read_as() -> None:
    document = read_yaml("a: yes\nb: NO\nc: 'no'\nd: true\n", "p.yaml")
    assert document.value == {"a": True, "b": False, "c": "no", "d": True}
    assert [(each.line, each.column, each.message, each.fix) for each in document.warnings] == [
        (1, 1, "yes means true here", "write true, or quote it"),
        (2, 1, "NO means false here", "write false, or quote it"),
    ]


@pytest.mark.parametrize("text", [".nan", ".inf", "1e999", "0x" + "f" * 10_000, "9" * 400, "9" * 5_000])
def test_a_number_that_json_or_a_float_cannot_hold_is_refused(text: str) -> None:
    finding = only(f"name: x\nsteps:\n  - {{name: a, type: set_variable, variables: {{v: {text}}}}}\n")
    assert (finding.code, finding.line, finding.key_path) == ("number", 3, "steps[0].variables.v")


def test_a_key_is_text_whatever_it_looks_like() -> None:
    assert read_yaml("on: 1\n1: 2\nnull: 3\n2024-01-01: 4\n1.50: 5\n", "p.yaml").value == {
        "on": 1,
        "1": 2,
        "null": 3,
        "2024-01-01": 4,
        "1.50": 5,
    }
    assert only("[a]: 1\nname: x\nsteps: [{name: a, type: test_echo}]\n").code == "key"


def test_one_key_written_twice_is_told_with_both_places() -> None:
    finding = only("name: x\nsteps:\n  - name: a\n    type: test_echo\n    'name': b\n")
    assert (finding.code, finding.line, finding.column) == ("duplicate_key", 5, 5)
    assert "first on line 3, column 5" in finding.message


def test_merged_maps_give_way_to_keys_that_are_written_and_to_earlier_maps() -> None:
    text = "base: &b {a: 1, b: 1}\nmore: &m {b: 2, c: 2}\nall: {<<: [*b, *m], a: 0}\n"
    assert read_yaml(text, "p.yaml").value == {
        "base": {"a": 1, "b": 1},
        "more": {"b": 2, "c": 2},
        "all": {"b": 1, "c": 2, "a": 0},
    }


@pytest.mark.parametrize("what", ["3", "[1]", "x"])
def test_only_maps_can_be_merged(what: str) -> None:
    finding = only(f"name: x\nmetadata: {{<<: {what}}}\nsteps: [{{name: a, type: test_echo}}]\n")
    assert (finding.code, finding.line) == ("merge", 2)


@pytest.mark.parametrize(
    "content",
    [
        SMALL.replace("\n", "\r\n").encode(), SMALL.replace("\n", "\r").encode(),
        SMALL.replace("\n", "\r\n", 1).encode(),
        b"\xef\xbb\xbf" + SMALL.encode(), b"---\n" + SMALL.encode() + b"...\n", b"%YAML 1.2\n---\n" + SMALL.encode(),
        SMALL.replace("name: x", "name:\tx").encode(), "\ufeff" + SMALL,
    ],
    ids=["CRLF", "lone CR", "mixed", "BOM", "document marks", "directive", "a tab between", "BOM in text"],
)  # fmt: skip
def test_line_ends_marks_and_byte_order_marks_change_nothing(content: str | bytes) -> None:
    assert load_pipeline(content).content_hash == load_pipeline(SMALL).content_hash


@pytest.mark.parametrize(("end", "line"), [("\n", 4), ("\r\n", 4), ("\r", 4)])
def test_places_are_right_whatever_ends_the_lines(end: str, line: int) -> None:
    text = end.join(["name: x", "description: é", "steps:", "  - {name: a, type: test_ehco}", ""])
    assert (only(text).line, only(text).key_path) == (line, "steps[0].type")


@pytest.mark.parametrize(
    ("content", "message", "place"),
    [
        (SMALL.encode("utf-16"), "the file is UTF-16", (1, 1)),
        (b"name: caf\xe9\n", "the byte 0xe9 is not UTF-8", (1, 10)),
        ("description: éé\nname: caf".encode() + b"\xe9\n", "the byte 0xe9 is not UTF-8", (2, 10)),
        ("name: '\ud800'\n", "the character U+D800 is half of one", (1, 8)),
        ("name: éé\nx: \0\n", "the character U+0000 is not allowed", (2, 4)),
        ("name: x\r\ny: \x1b\r\n", "the character U+001B is not allowed", (2, 4)),
    ],
)
def test_what_is_no_text_is_told_with_its_place(content: str | bytes, message: str, place: tuple[int, int]) -> None:
    finding = only(content)
    assert (finding.message, (finding.line, finding.column)) == (message, place)


def test_a_tab_that_indents_is_named() -> None:
    finding = only("name: x\nsteps:\n\t- {name: a}\n")
    assert (finding.line, finding.fix) == (3, "indent with spaces")
    assert "a tab cannot indent" in finding.message


@pytest.mark.parametrize("text", ["", "  \n\n", "# only a comment\n", "\ufeff"])
def test_an_empty_file_is_called_empty(text: str) -> None:
    assert only(text).code == "empty"


def test_a_second_document_is_told_where_it_begins() -> None:
    finding = only(f"{SMALL}---\n{SMALL}")
    assert (finding.line, finding.message) == (4, "a second document begins here")


@pytest.mark.parametrize(
    "tagged",
    ["!!python/object/apply:os.system ['id']", "!!python/name:os.system x", "!!set {a}", "!!binary aGk=", "!own x"],
)
def test_a_tag_that_would_build_something_else_is_refused(tagged: str) -> None:
    found = loaded(f"name: x\nsteps:\n  - {{name: a, type: set_variable, variables: {{v: {tagged}}}}}\n")
    assert isinstance(found, tuple)
    assert {(each.code, each.line, each.fix) for each in found} == {("tag", 3, "remove the tag")}
