"""The audit log's chain: whoever changes, removes, adds or moves an entry is found out, and where."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pipelines.guardrails.audit_chain import FIRST, Decision, Head, head_of, next_entry, read_entry, verify

Change = Callable[[list[str]], list[str]]


def chain(length: int) -> tuple[list[str], Head]:
    head, lines = Head(), list[str]()
    for number in range(1, length + 1):
        entry = next_entry(
            head, Decision(1000.0 + number, "ann", "kill", f"pipeline p{number}", {"reason": f"r{number}"})
        )
        lines.append(entry.line())
        head = head_of(entry)
    return lines, head


def test_an_untouched_chain_is_sound_and_gives_its_head() -> None:
    lines, head = chain(5)
    checked = verify(lines, head)
    assert checked.is_sound
    assert (checked.head, checked.entries) == (head, 5)
    assert verify([]).head == Head(0, FIRST)


def edited(lines: list[str]) -> list[str]:
    fields = json.loads(lines[2])
    fields["who"] = "bob"
    return [*lines[:2], json.dumps(fields), *lines[3:]]


def without(first: int, last: int) -> Change:
    return lambda lines: [*lines[: first - 1], *lines[last:]]


def with_third(text: str) -> Change:
    return lambda lines: [*lines[:2], text, *lines[3:]]


def repeated(lines: list[str]) -> list[str]:
    return [*lines[:3], lines[1], *lines[3:]]


def swapped(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def torn(lines: list[str]) -> list[str]:
    return [*lines[:2], lines[2][:-9], *lines[3:]]


def resealed(lines: list[str]) -> list[str]:
    """The third entry exchanged for a forged one with a right hash of its own."""
    former = read_entry(lines[2])
    forged = next_entry(Head(2, former.previous), Decision(former.at, "bob", "arm", "node", {}))
    return [*lines[:2], forged.line(), *lines[3:]]


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (edited, 3, "entry 3 was changed after it was written"),
        (resealed, 4, "entry 4 does not follow the entry before it: that one was exchanged"),
        (without(3, 3), 3, "entry 3 is missing before entry 4"),
        (without(1, 1), 1, "entry 1 is missing before entry 2"),
        (repeated, 4, "entry 2 stands where entry 4 belongs"),
        (swapped, 2, "entry 2 is missing before entry 3"),
        (with_third("{broken"), 3, "the line is not JSON"),
        (torn, 3, "the line is not JSON"),
        (with_third("{}"), 3, "the line must have exactly the fields"),
        (without(4, 5), 4, "entries are missing at the end: 5 were noted, 3 are there"),
    ],
)
def test_a_change_is_found_and_located(change: Change, line: int, what: str) -> None:
    lines, head = chain(5)
    checked = verify(change(lines), head)
    assert not checked.is_sound
    assert checked.flaws[0].line == line
    assert checked.flaws[0].what.startswith(what)


def test_one_edit_is_one_flaw_and_two_are_two() -> None:
    lines, head = chain(9)
    assert len(verify(edited(lines), head).flaws) == 1
    twice = edited(lines)
    twice[6] = twice[6].replace("ann", "eve")
    assert [flaw.line for flaw in verify(twice, head).flaws] == [3, 7]


def test_a_rewritten_chain_is_told_from_the_one_that_was_noted() -> None:
    _, head = chain(5)
    other, before = list[str](), Head()
    for number in range(1, 8):
        entry = next_entry(before, Decision(1.0, "bob", "nothing", str(number), {}))
        other.append(entry.line())
        before = head_of(entry)
    assert verify(other).is_sound
    assert "is not the one that was noted" in verify(other, head).flaws[0].what


def test_the_flaws_that_are_told_are_bounded() -> None:
    assert len(verify(["x"] * 1000, most_flaws=7).flaws) == 7


def test_what_is_not_json_or_too_long_is_refused_before_it_is_sealed() -> None:
    for detail in ({"x": object()}, {"x": float("nan")}, {"x": "y" * 1_000_001}):
        with pytest.raises(ValueError, match=r"JSON|characters"):
            next_entry(Head(), Decision(0, "a", "b", "c", detail))  # pyright: ignore[reportArgumentType]


JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.text(), st.text(), st.dictionaries(st.text(), JSON), st.floats(0, 1e10))
def test_any_text_and_any_detail_survives_the_file(
    who: str, subject: str, detail: dict[str, JsonValue], at: float
) -> None:
    entry = next_entry(Head(), Decision(at, who, "did", subject, detail))
    assert "\n" not in entry.line()
    assert read_entry(entry.line()) == entry
    assert verify([entry.line()]).is_sound


@given(st.integers(0, 4), st.integers(0, 400), st.characters())
def test_no_single_character_can_be_changed_unseen(which: int, at: int, character: str) -> None:
    lines, head = chain(5)
    line = lines[which]
    at %= len(line)
    changed = line[:at] + character + line[at + 1 :]
    lines[which] = changed
    same = False
    with contextlib.suppress(ValueError):
        same = read_entry(changed) == read_entry(line)
    assert changed == line or same or not verify(lines, head).is_sound
