"""Estimates: exact money, ranges that hold, and nothing unknown counted as zero."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from actors.steps.asking import DEFAULT_MAX_TOKENS
from pipelines.language import load_pipeline
from pipelines.tooling import DEFAULT_ANSWER_TOKENS, Estimate, ModelFacts, Models, Routing, Span, estimate

ROOT = Path(__file__).resolve().parents[3]


class Book:
    def facts(self, model: str) -> ModelFacts | None:
        return ModelFacts(100_000, 1_000) if model == "known" else None

    def cost_usd(self, model: str, input_tokens: int, output_tokens: int, day: date) -> Decimal | None:
        return (input_tokens * Decimal("0.1") + output_tokens * Decimal("0.2")) if model == "known" else None


MODELS = Models(Book(), Routing({"claude": "anthropic", "gemini": "gemini"}, {"anthropic": "known"}))


def of(steps: str, **inputs: str | list[int]) -> Estimate:
    pipeline = load_pipeline("name: x\nsteps:\n" + steps)
    sizes = {"notes.txt": 40}
    return estimate(pipeline, dict(inputs), MODELS, date(2026, 11, 21), sizes.get)  # type: ignore[arg-type]


def test_a_question_is_counted_from_its_text_inputs_and_files() -> None:
    found = of(
        "  - {name: a, type: claude, max_tokens: 10, prompt: '12345678{{ inputs.t }}{{ file(\"notes.txt\") }}'}\n",
        t="1234",
    )
    (step,) = found.steps
    assert step.input_tokens == Span(2 + 1 + 10, 2 + 1 + 10)
    assert step.output_tokens == Span(1, 10)
    assert step.cost_usd == (Decimal("1.5"), Decimal("3.3"))
    assert found.cost_usd == step.cost_usd
    assert step.notes == ()


def test_an_answer_is_part_of_the_prompts_that_use_it() -> None:
    steps = (
        "  - {name: a, type: claude, max_tokens: 10, prompt: '1234'}\n"
        "  - {name: b, type: claude, max_tokens: 1, prompt: '{{ steps.a.result }}'}\n"
    )
    assert of(steps).steps[1].input_tokens == Span(0, 10)


def test_what_only_the_run_has_is_named() -> None:
    (step,) = of("  - {name: a, type: claude, prompt: 'hi {{ inputs.t }} {{ file(\"gone.txt\") }}'}\n").steps
    assert step.notes == ("inputs.t is not counted: only the run has it", "the text of gone.txt is not counted")


def test_an_unknown_price_is_named_and_never_zero() -> None:
    found = of("  - {name: a, type: claude, model: strange, prompt: hi}\n  - {name: b, type: gemini, prompt: hi}\n")
    assert [step.cost_usd for step in found.steps] == [None, None]
    assert found.unpriced == ("a (strange)", "b (model not known)")


def test_a_condition_makes_the_least_nothing_and_the_answer_is_cut_to_the_model() -> None:
    found = of("  - {name: a, type: claude, prompt: '12345678', max_tokens: 5000, condition: inputs.go == 'yes'}\n")
    assert found.steps[0].output_tokens == Span(0, 1000)
    assert found.steps[0].calls == Span(0, 1)
    assert found.seconds.low == 0


@pytest.mark.parametrize(("given", "calls"), [({"ids": [1, 2, 3]}, Span(3, 3)), ({}, Span(0, 1))])
def test_a_loop_counts_its_passes_where_the_list_is_known(given: dict[str, list[int]], calls: Span) -> None:
    loop = (
        "  - name: l\n    type: for_loop\n"
        "    data_source: '{{ inputs.ids }}'\n    steps: [{name: q, type: claude, prompt: hi}]\n"
    )
    (step,) = of(loop, **given).steps
    assert step.step == "l/q"
    assert step.calls == calls
    assert any("one pass" in note for note in step.notes) is (given == {})


def test_side_by_side_takes_as_long_as_the_longest_and_a_chain_as_all() -> None:
    beside = "  - {name: a, type: test_echo, delay_s: 2}\n  - {name: b, type: test_echo, delay_s: 3}\n"
    assert of(beside).seconds == Span(3, 3)
    assert of(beside + "  - {name: c, type: test_echo, delay_s: 1, depends_on: [a, b]}\n").seconds == Span(4, 4)


def test_a_pipeline_file_is_not_taken_for_free() -> None:
    found = of("  - {name: p, type: pipeline, pipeline_file: other.yaml}\n")
    assert found.unpriced == ("p (model not known)",)
    assert found.steps[0].notes == ("other.yaml is not looked into",)


def test_the_default_answer_is_what_steps_really_ask_for() -> None:
    assert DEFAULT_ANSWER_TOKENS == DEFAULT_MAX_TOKENS


@pytest.mark.parametrize("file", sorted((ROOT / "pipelines").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_pipeline_can_be_estimated(file: Path) -> None:
    found = estimate(load_pipeline(file.read_bytes()), {}, MODELS, date(2026, 11, 21), lambda _: None)
    assert found.input_tokens.low <= found.input_tokens.high
    assert found.cost_usd[0] <= found.cost_usd[1]
