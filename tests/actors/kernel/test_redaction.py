"""What is said of messages and errors: shapes and never texts; error texts without what looks like a key."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import pytest

from actors.kernel.redaction import LONGEST_SUMMARY, LONGEST_TEXT, said, scrubbed, summary

CANARY = "c4n4ry5w0rd0fpassage"


class Colour(enum.Enum):
    RED = CANARY


class Hostile:
    """Everything that may be asked of it fails, or tells the canary."""

    def __repr__(self) -> str:
        return CANARY

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    def __len__(self) -> int:
        raise RuntimeError(CANARY)


@dataclass
class Unset:
    there: int
    missing: str = field(init=False)


@dataclass(frozen=True, slots=True)
class Nested:
    inner: Any
    colour: Colour = Colour.RED


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (CANARY, "str[20]"),
        (b"1234", "bytes[4]"),
        ({CANARY: CANARY}, "dict[1]"),
        ([CANARY, CANARY], "list[2]"),
        (None, "None"),
        (True, "True"),
        (12, "12"),
        (1.5, "1.5"),
        pytest.param(10**5000, "int", id="huge"),
        (Colour.RED, "Colour.RED"),
        (Hostile(), "Hostile"),
        (ValueError(CANARY), "ValueError"),
        (Unset(1), "Unset(there=1, missing=None)"),
        (Nested(Nested(CANARY)), "Nested(inner=Nested, colour=Colour.RED)"),
    ],
)
def test_a_message_is_told_by_its_shape(message: object, expected: str) -> None:
    assert summary(message) == expected
    assert CANARY not in summary(message)


def test_a_summary_is_bounded_however_many_and_long_the_fields_are() -> None:
    many = make_dataclass("Many", [(f"field_{'x' * 40}_{n}", int) for n in range(500)])
    assert len(summary(many(*range(500)))) <= LONGEST_SUMMARY


@pytest.mark.parametrize(
    "text",
    [
        f"bad key sk-ant-{CANARY}",
        f"AIza{CANARY} was refused",
        f"Authorization: Bearer {CANARY}",
        f"{{'x-api-key': '{CANARY}'}}",
        f'{{"api_key": "{CANARY}"}}',
        f"ANTHROPIC_API_KEY={CANARY}",
        f"password = {CANARY}",
        f"token={CANARY}&x=1",
        f"https://user:{CANARY}@example.com/path",
        f"ghp_{CANARY}",
        f"eyJ{CANARY}.{CANARY}.{CANARY}",
    ],
)
def test_what_looks_like_a_key_leaves_an_errors_text(text: str) -> None:
    assert CANARY not in said(ValueError(text))
    assert "[redacted]" in said(ValueError(text))


@pytest.mark.parametrize("text", ["max_tokens: 1024", "input_tokens=17", "the token bucket is empty", "no key found"])
def test_ordinary_words_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_long_texts_are_cut_and_both_ends_can_be_kept() -> None:
    text = "a" * 1_000 + "z"
    assert (len(scrubbed(text)), scrubbed(text)[-3:]) == (LONGEST_TEXT, "...")
    assert (len(scrubbed(text, keep="end")), scrubbed(text, keep="end")[-1]) == (LONGEST_TEXT, "z")


def test_an_object_that_has_no_text_is_named_by_its_type() -> None:
    assert said(Hostile()) == "<Hostile without a text>"
