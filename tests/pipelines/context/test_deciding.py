"""What the estimate decides, what it leaves to the provider's counter, and what a prompt is made of."""

from __future__ import annotations

import pytest

from pipelines.context import (
    ContextPart,
    Limits,
    TokenCount,
    Verdict,
    Window,
    cut,
    estimate_tokens,
    joined,
    limits_of,
    pieces_of,
    target,
    verdict,
)
from pipelines.language import PromptStep, Scope, load_pipeline, render_text


@pytest.mark.parametrize(
    ("count", "limits", "expected"),
    [
        (TokenCount(500, 1000, 3000), Limits(), Verdict.FITS),
        (TokenCount(500, 1000, 3000), Limits(model=3000), Verdict.FITS),
        (TokenCount(500, 1000, 3000), Limits(model=2000), Verdict.FITS),
        (TokenCount(500, 1000, 3000), Limits(model=1200), Verdict.UNSURE),
        (TokenCount(500, 1000, 3000), Limits(model=600), Verdict.UNSURE),
        (TokenCount(500, 1000, 3000), Limits(model=499), Verdict.TOO_LARGE),
        (TokenCount(500, 1000, 3000), Limits(asked=999), Verdict.TOO_LARGE),
        (TokenCount(500, 1000, 3000), Limits(asked=1000, model=9000), Verdict.FITS),
    ],
)
def test_the_estimate_decides_only_what_is_certain(count: TokenCount, limits: Limits, expected: Verdict) -> None:
    assert verdict(count, limits) is expected


def test_the_answer_has_its_room_where_the_vendor_counts_it_into_the_window() -> None:
    assert limits_of(Window("m", 1000, holds_answer=True), None, 300) == Limits(None, 700)
    assert limits_of(Window("m", 1000), None, 300) == Limits(None, 1000)
    assert limits_of(Window("m"), 50, 300) == Limits(50, None)


def test_what_is_cut_by_estimate_alone_leaves_a_reserve_in_the_models_window_and_none_in_the_steps_own_limit() -> None:
    assert target(Limits(None, 1000), exact=False) == 800
    assert target(Limits(None, 1000), exact=True) == 1000
    assert target(Limits(900, 2000), exact=False) == 900


PROMPTS = """
name: p
inputs: {what: {type: string}}
steps:
  - {name: before, type: test_echo, value: {a: 1}}
  - name: parts
    type: claude
    prompt:
      - {type: static, content: "Judge {{ inputs.what }} now."}
      - {type: previous_response, step: before, priority: 7, max_tokens: 40}
      - {type: static, content: "Thanks.", priority: 5}
  - {name: text, type: claude, prompt: "Judge {{ inputs.what }}, after {{ steps.before }}."}
  - {name: looped, type: claude, prompt: "{% for x in [1, 2] %}{{ x }}{% endfor %} of {{ inputs.what }}"}
"""
SCOPE = Scope(inputs={"what": "tea"}, steps={"before": {"a": 1}})


def pieces(name: str) -> tuple[ContextPart, ...]:
    (step,) = (each for each in load_pipeline(PROMPTS).steps if each.name == name)
    assert isinstance(step, PromptStep)
    rendered = render_text(step.prompt, SCOPE)
    found = pieces_of(step.prompt, step.prompt_parts, SCOPE, rendered)
    assert joined(found) == rendered
    return found


def test_the_parts_of_a_prompt_keep_their_priorities_and_what_is_written_outlives_what_it_refers_to() -> None:
    assert [(each.text, each.priority, each.max_tokens) for each in pieces("parts")] == [
        ("Judge ", 100, None),
        ("tea", 50, None),
        (" now.", 100, None),
        ('{\n  "a": 1\n}', 7, 40),
        ("Thanks.", 5, None),
    ]
    assert pieces("parts")[3].name == "prompt[1] (steps.before)"


def test_a_template_is_what_is_written_and_what_it_refers_to() -> None:
    assert [(each.name, each.kind) for each in pieces("text")] == [
        ("prompt", "instruction"),
        ("prompt (inputs.what)", "material"),
        ("prompt", "instruction"),
        ("prompt (steps.before)", "material"),
        ("prompt", "instruction"),
    ]


def test_a_prompt_with_a_loop_in_it_is_one_part() -> None:
    assert [each.text for each in pieces("looped")] == ["12 of tea"]


def test_a_cut_ends_at_a_sentence_and_says_how_much_is_gone() -> None:
    text = "The first sentence is here. The second sentence is here. " * 10
    made = cut(text, 60)
    assert made.text.endswith(f"is here.\n[... about {made.left_out} tokens left out ...]")
    assert abs(estimate_tokens(text) - 60 - made.left_out) < 40


def test_a_cut_never_parts_an_accent_or_a_flag_from_its_letter() -> None:
    for letter in ("e\u0301", "🇩🇪", "👩\u200d🚀"):
        for most in range(20, 60):
            head = cut(letter * 200, most).text.partition("\n[")[0]
            assert head == letter * (len(head) // len(letter))
