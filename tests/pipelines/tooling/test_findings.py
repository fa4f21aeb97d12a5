"""Findings with their source line, and the warnings: loud where something is known, quiet where it is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from pipelines.language import check_document, read_yaml
from pipelines.tooling import ModelFacts, Models, Routing, excerpt, warnings_for


class Book:
    def facts(self, model: str) -> ModelFacts | None:
        return ModelFacts(1_000, 100) if model == "small" else None

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int, day: date) -> Decimal | None:
        return Decimal(1) if model == "small" and day >= date(2026, 1, 1) else None


def models() -> Models:
    return Models(Book(), Routing({"claude": "anthropic", "gemini": "gemini"}, {"anthropic": "small"}))


def warned(text: str, day: date = date(2026, 11, 21)) -> list[tuple[str, int]]:
    document = read_yaml(text, "x.yaml")
    return [(each.code, each.line) for each in warnings_for(check_document(document), document, models, day)]


HEAD = "name: x\ninputs:\n  tone: {type: string, enum: [a, b]}\n  deep: {type: boolean, default: false}\nsteps:\n"


def test_the_caret_stands_below_the_word() -> None:
    assert excerpt("name: x\nstps: []\n", 2, 1) == "  2 | stps: []\n    | ^^^^"


def test_the_caret_stays_below_its_word_after_tabs_wide_and_combining_characters() -> None:
    shown, caret = excerpt("\t日本e\u0301: bad", 1, 7).split("\n")
    assert shown == "  1 |  日本e\u0301: bad"
    assert caret.index("^") == len("  1 | ") + 1 + 4 + 1 + 1


def test_a_long_line_is_cut_around_the_place_and_steers_no_terminal() -> None:
    shown, caret = excerpt("a" * 500 + " \x1b[31mwrong " + "b" * 500, 1, 507).split("\n")
    assert "\x1b" not in shown
    assert len(shown) < 120
    assert shown[caret.index("^") :].startswith("wrong")


@pytest.mark.parametrize(("line", "column"), [(0, 0), (9, 1), (1, 0)])
def test_without_a_place_nothing_is_shown(line: int, column: int) -> None:
    assert excerpt("name: x", line, column) == ""


def test_a_step_that_nothing_uses_is_named_with_those_that_only_it_uses() -> None:
    steps = "  - {name: a, type: claude, prompt: hi}\n  - {name: b, type: claude, prompt: '{{ steps.a.result }}'}\n"
    assert warned(HEAD + steps + "  - {name: c, type: claude, prompt: hi}\noutputs: [c]\n") == [
        ("unused_step", 6),
        ("unused_step", 7),
    ]


@pytest.mark.parametrize(
    "rest",
    [
        "  - {name: a, type: claude, prompt: hi}\n",
        (
            "  - {name: a, type: claude, prompt: hi, output_to_file: a.md}\n"
            "  - {name: c, type: claude, prompt: hi}\noutputs: [c]\n"
        ),
        "  - {name: a, type: claude, prompt: hi}\noutputs: {all: '{{ steps }}'}\n",
        "  - {name: a, type: claude, prompt: hi}\noutputs: [{path: a.result, as: b}]\n",
        (
            "  - {name: a, type: file_ops, operation: delete, path: a}\n"
            "  - {name: c, type: claude, prompt: hi}\noutputs: [c]\n"
        ),
    ],
)
def test_what_is_handed_over_or_has_an_effect_is_used(rest: str) -> None:
    assert warned(HEAD + rest) == []


@pytest.mark.parametrize(
    "condition",
    ["1 > 2", "inputs.tone == 'c'", "inputs.tone == 'a' and inputs.tone == 'b'", "not (inputs.deep or true)"],
)
def test_a_condition_that_no_input_makes_true_is_unreachable(condition: str) -> None:
    assert warned(HEAD + f'  - {{name: a, type: claude, prompt: hi, condition: "{condition}"}}\n') == [
        ("unreachable", 6)
    ]


@pytest.mark.parametrize(
    "condition", ["inputs.tone == 'b'", "inputs.other == 'c'", "inputs.deep", "now() > '2020'", "global_vars.x == 1"]
)
def test_a_condition_that_may_hold_is_left_alone(condition: str) -> None:
    step = f'  - {{name: a, type: claude, prompt: hi, condition: "{condition}"}}\n'
    assert warned(HEAD + step + "global_vars: {x: 2}\n") == []


def test_conditions_inside_loops_and_nested_pipelines_are_looked_at() -> None:
    loop = (
        "  - name: l\n    type: for_loop\n"
        "    data_source: [1]\n    steps:\n      - {name: a, type: test_echo, condition: 1 > 2}\n"
    )
    inner = (
        "  - name: p\n    type: pipeline\n    pipeline:\n"
        "      name: q\n      steps:\n        - {name: a, type: test_echo, condition: 1 > 2}\n"
    )
    assert warned(HEAD + loop + inner) == [("unreachable", 10), ("unreachable", 16)]


def test_a_model_without_price_is_named_and_so_is_one_that_has_none_yet() -> None:
    step = "  - {name: a, type: claude, prompt: hi, model: %s}\n"
    assert warned(HEAD + step % "other") == [("missing_price", 6)]
    assert warned(HEAD + step % "small") == []
    assert warned(HEAD + step % "small", date(2025, 1, 1)) == [("missing_price", 6)]


def test_a_prompt_or_answer_beyond_the_model_is_told() -> None:
    step = "  - {name: a, type: claude, model: small, prompt: '%s{{ inputs.tone }}', max_tokens: %d}\n"
    assert warned(HEAD + step % ("x" * 4_000, 100)) == []
    assert warned(HEAD + step % ("x" * 4_001, 101)) == [("prompt_too_large", 6), ("answer_too_large", 6)]
    unnamed = "  - {name: a, type: claude, prompt: '%s'}\n"
    assert warned(HEAD + unnamed % ("x" * 100_001)) == [("prompt_too_large", 6)]


def test_the_wrapped_dialect_has_its_warnings_at_their_place() -> None:
    text = "workflow:\n  name: x\n  steps:\n    - name: a\n      type: test_echo\n      condition: 1 > 2\n"
    assert warned(text) == [("unreachable", 6)]


def test_a_written_prompt_beyond_the_steps_own_limit_is_told_unless_it_is_made_smaller() -> None:
    step = "  - {name: a, type: claude, prompt: '%s', context: {max_input_tokens: 100%s}}\n"
    assert warned(HEAD + step % ("word " * 200, "")) == [("prompt_too_large", 6)]
    assert warned(HEAD + step % ("word " * 200, ", on_overflow: truncate")) == []


def test_a_limit_that_can_never_hold_is_told() -> None:
    step = "  - {name: a, type: claude, model: %s, prompt: hi, context: {on_overflow: truncate%s}}\n"
    assert ("unknown_window", 6) in warned(HEAD + step % ("other", ""))
    assert ("unknown_window", 6) not in warned(HEAD + step % ("other", ", max_input_tokens: 100"))
    assert warned(HEAD + step % ("small", "")) == []


def test_the_tasks_of_every_type_that_asks_are_looked_at_and_their_common_model_told_once() -> None:
    batch = "  - {name: a, type: claude_batch, model: other, tasks: [{prompt: hi}, {prompt: ho}]}\n"
    assert warned(HEAD + batch) == [("missing_price", 6)]
    long = "  - {name: a, type: claude_batch, model: small, tasks: [{prompt: hi}, {prompt: '%s'}]}\n" % ("x" * 4_001)
    assert warned(HEAD + long) == [("prompt_too_large", 6)]
    robust = "  - {name: a, type: claude_robust, model: small, prompt: '%s'}\n" % ("x" * 4_001)
    assert warned(HEAD + robust) == [("prompt_too_large", 6)]


def test_branches_of_a_switch_that_cannot_be_taken_are_named() -> None:
    text = """name: x
inputs: {kind: {type: string}, quick: {type: boolean}}
steps:
  - name: way
    type: switch
    value: "{{ inputs.kind }}"
    cases:
      - {when: [a, b], steps: [{name: s1, type: test_echo}]}
      - {when: b, steps: [{name: s2, type: test_echo}]}
      - {when: [b, c], steps: [{name: s3, type: test_echo}]}
      - {when: "{{ inputs.kind }}", steps: [{name: s4, type: test_echo}]}
      - {condition: inputs.quick and not inputs.quick, steps: [{name: s5, type: test_echo}]}
      - {condition: true, steps: [{name: s6, type: test_echo}]}
      - {when: d, steps: [{name: s7, type: test_echo}]}
    default: [{name: s8, type: test_echo}]
"""
    assert [each for each in warned(text) if each[0] == "unreachable"] == [
        ("unreachable", line) for line in (9, 12, 14, 15)
    ]
