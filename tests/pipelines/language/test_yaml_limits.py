"""Files that are too much: deep, long, wide, aliased or huge. Refused soon, with the place where it became too much."""

from __future__ import annotations

import pytest

from pipelines.language import Diagnostic, InvalidPipelineError, Pipeline, load_pipeline
from tests.pipelines.language.fuzzing import bounded, loaded

MEGABYTE = 1024 * 1024


def only(text: str | bytes) -> Diagnostic:
    found = loaded(text)
    assert not isinstance(found, Pipeline)
    (finding,) = found
    return finding


def chain(levels: int, body: str) -> str:
    return "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} {body.format(before=f'*a{i - 1}')}\n" for i in range(1, levels))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: " + "[" * 10_000, 1),
        ("a: " + "[" * 10_000 + "]" * 10_000, 1),
        ("a: " + "{a: " * 10_000, 1),
        ("- " * 10_000 + "x", 1),
        ("? " * 10_000 + "x", 1),
        ("".join(" " * level + "a:\n" for level in range(2_000)), 61),
        ("a: " + "[" * 900_000, 1),
    ],
    ids=["open [", "[]", "open {", "block lists", "block keys", "block maps", "a megabyte of ["],
)
def test_what_nests_too_deeply_is_refused_at_the_first_level_too_many(text: str, line: int) -> None:
    finding = only(text)
    assert (finding.code, finding.line) == ("limit", line)
    assert "nested deeper than 60 levels" in finding.message


@pytest.mark.parametrize("body", ["[{before}, {before}]", "{{x: {before}, y: {before}}}"])
def test_an_alias_bomb_is_refused_where_it_grows_too_large(body: str) -> None:
    finding = only(chain(60, body))
    assert (finding.code, finding.line > 1) == ("limit", True)
    assert "aliases expand to more than" in finding.message


def test_a_merge_bomb_is_refused() -> None:
    text = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}\n" for i in range(1, 40))
    assert "aliases expand to more than" in only(text).message


def test_a_long_chain_of_aliases_is_as_deep_as_it_expands() -> None:
    finding = only(chain(3_000, "[{before}]"))
    assert (finding.code, finding.line) == ("limit", 59)
    assert "nested deeper than" in finding.message


def test_an_alias_of_itself_is_refused() -> None:
    assert "contains itself" in only("a: &a {b: [*a]}\n").message


@pytest.mark.parametrize(
    "text",
    ["name: x\nsteps:\n" + "- a\n" * 60_000, "a: [" + "a," * 60_000 + "]", "a: 1\n" * 40_000, "?\n" * 900_000],
    ids=["a block list", "a flow list", "one key again and again", "keys without a value"],
)
def test_more_values_than_a_pipeline_can_have_are_refused(text: str) -> None:
    assert "more than 50000 values" in only(text).message


@pytest.mark.parametrize(
    "character", ['"', "'", "-", "!", "&", "*", "%", ": ", "? ", "#", "{{", "|\n", "~ ", "\\", "\t", "\r", "\u2028"]
)
def test_a_megabyte_of_one_character_is_read_or_refused_soon(character: str) -> None:
    for before in ("", "a: ", 'a: "'):
        loaded(before + character * (MEGABYTE // len(character.encode())))


def test_thousands_of_unknown_keys_are_told_in_part_and_soon() -> None:
    found = loaded("".join(f"key_{number}: 1\n" for number in range(20_000)))
    assert isinstance(found, tuple) and len(found) == 101
    assert "more findings" in found[-1].message


def test_a_very_long_text_is_a_text() -> None:
    pipeline = loaded(f"name: x\nsteps: [{{name: a, type: test_echo, value: {'x' * MEGABYTE}}}]\n")
    assert isinstance(pipeline, Pipeline)


def test_a_file_of_100_megabytes_is_refused_before_it_is_read() -> None:
    huge = b"# 789012345678\n" * 7_000_000
    with pytest.raises(InvalidPipelineError) as caught:
        bounded(lambda: load_pipeline(huge, source="p.yaml"))
    (finding,) = caught.value.diagnostics
    assert (finding.code, finding.message) == ("limit", "the text is larger than 2097152 bytes")
