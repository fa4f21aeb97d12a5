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
    # 8 digits are about 4 tokens, 4 of them 2, 40 characters of a file 10; each from 0.6 to 1.7 times.
    assert step.input_tokens == Span(2 + 1 + 6, 7 + 4 + 17)
    assert step.output_tokens == Span(1, 10)
    assert step.cost_usd == (Decimal("1.1"), Decimal("4.8"))
    assert found.cost_usd == step.cost_usd
    assert step.notes == ()


def test_the_system_text_of_a_preset_and_a_schema_are_part_of_a_question() -> None:
    bare, preset, own, shaped = of(
        "  - {name: a, type: claude, prompt: '1234'}\n"
        "  - {name: b, type: claude_smart, preset: production, prompt: '1234'}\n"
        "  - {name: c, type: claude_smart, preset: production, system: be, prompt: '1234'}\n"
        "  - {name: d, type: claude, prompt: '1234', schema: {a_long_name_of_a_field: text}}\n"
    ).steps
    assert preset.input_tokens.low > own.input_tokens.low >= bare.input_tokens.low
    # Only some providers count a schema.
    assert shaped.input_tokens.low == bare.input_tokens.low and shaped.input_tokens.high > 3 * bare.input_tokens.high


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


def test_the_offline_provider_is_counted_as_it_counts() -> None:
    (step,) = of("  - {name: a, type: claude, provider: offline, prompt: '12345678'}\n").steps
    assert step.input_tokens == Span(2, 2)


BATCH = (
    "  - name: b\n    type: claude_batch\n    model: known\n    max_tokens: 10\n    prompt: 'Sum it up.'\n"
    "    tasks: [{id: one, prompt: hi}, {id: two, file: notes.txt}]\n    files: %s\n"
)


def test_a_batch_is_counted_by_its_tasks_and_its_files() -> None:
    found = of(BATCH % "[notes.txt, other.txt]").steps
    assert [each.step for each in found] == ["b.one", "b.two", "b.notes.txt", "b.other.txt"]
    assert found[1].input_tokens.low >= 6
    assert found[3].notes == ("the text of other.txt is not counted",)
    assert all(each.cost_usd is not None and each.output_tokens == Span(1, 10) for each in found)


def test_a_batch_over_a_pattern_is_counted_for_one_file() -> None:
    last = of(BATCH % "'*.txt'").steps[-1]
    assert last.step == "b.files"
    assert last.calls == Span(0, 1)
    assert "counted for one file: only the run knows how many there are" in last.notes


@pytest.mark.parametrize(
    ("step", "calls", "note"),
    [
        ("type: claude_extract, schema: {a: text}", 2, "asked twice at most"),
        ("type: gemini_instructor", 2, "asked twice at most"),
        ("type: gemini, functions: [{name: f, returns: 1}], max_rounds: 3", 4, "up to 3 rounds of function calls"),
        ("type: gemini, functions: [{name: f, returns: 1}], max_rounds: 3, schema: {a: text}", 6, "up to 3 rounds"),
        ("type: claude_robust, retry_config: {max_retries: 2}", 3, "asked up to 3 times"),
        ("type: claude_robust, retry_config: {max_retries: 1, fallback_action: simplified_prompt}", 3, "once more"),
        ("type: claude_session", 1, "the conversation before it goes along, up to 200,000 characters"),
    ],
)
def test_types_that_ask_more_than_once_are_counted_for_all_of_it(step: str, calls: int, note: str) -> None:
    (found,) = of(f"  - {{name: a, prompt: hi, max_tokens: 10, model: known, {step}}}\n").steps
    assert found.calls == Span(1, calls)
    assert found.output_tokens == Span(1, 10 * calls)
    assert any(note in each for each in found.notes), found.notes
    assert found.cost_usd is not None and found.cost_usd[0] < found.cost_usd[1]


def test_the_answers_of_earlier_rounds_go_along_with_later_ones() -> None:
    text = (
        "  - {name: a, type: gemini, prompt: hi, max_tokens: 10, functions: [{name: f, returns: 1}], max_rounds: 2}\n"
    )
    (found,) = of(text).steps
    assert found.input_tokens.high == 3 * 2 + 10 + 20


LONG = "word " * 4000


@pytest.mark.parametrize(
    ("context", "high", "note"),
    [
        ("{max_input_tokens: 500, on_overflow: truncate}", 500, "cut to 500 tokens where it is larger"),
        ("{max_input_tokens: 500}", None, "fails with context_overflow: more than 500 tokens"),
    ],
)
def test_a_question_is_held_to_what_its_step_allows(context: str, high: int | None, note: str) -> None:
    (found,) = of(f"  - {{name: a, type: claude, model: known, prompt: '{LONG}', context: {context}}}\n").steps
    assert note in found.notes
    assert high is None or found.input_tokens.high == high


def test_summaries_are_questions_too() -> None:
    context = "{max_input_tokens: 500, on_overflow: summarise, summarise_with: {chunk_tokens: 2000, max_tokens: 100}}"
    (found,) = of(f"  - {{name: a, type: claude, model: known, prompt: '{LONG}', context: {context}}}\n").steps
    assert found.calls == Span(1, 1 + 8)
    assert found.input_tokens.high > 500 + 4000 * 1.7
    assert any("summed up to 500 tokens" in each for each in found.notes)


def test_pipelines_in_the_text_of_an_executor_are_counted_and_others_named() -> None:
    inner = "{name: q, steps: [{name: s, type: claude, model: known, prompt: hi}]}"
    (found,) = of(f"  - {{name: e, type: pipeline_executor, pipeline: {inner}}}\n").steps
    assert (found.step, found.calls) == ("e/q/s", Span(1, 1))
    several = of(f"  - {{name: e, type: parallel_pipeline_executor, pipelines: [{inner}, {inner}]}}\n").steps
    assert [each.step for each in several] == ["e/q/s", "e/q/s"]
    unknown = of("  - {name: e, type: pipeline_executor, pipeline: '{{ inputs.p }}'}\n")
    assert unknown.unpriced == ("e (model not known)",)
    assert "200 steps at most" in unknown.steps[0].notes[0]
    assert unknown.seconds.high == 300


def test_loops_multiply_what_is_inside_by_their_limit() -> None:
    (found,) = of(
        "  - name: w\n    type: while_loop\n    condition: 1 == 1\n    max_iterations: 7\n"
        "    steps: [{name: a, type: claude, model: known, prompt: hi, max_tokens: 10}]\n"
    ).steps
    assert found.calls == Span(0, 7)
    assert found.output_tokens == Span(0, 70)


def test_steps_that_come_last_whatever_happened_are_counted() -> None:
    steps = "  - {name: a, type: test_echo}\nfinally:\n  - {name: z, type: claude, model: known, prompt: hi}\n"
    assert [each.step for each in of(steps).steps] == ["z"]


def test_a_file_that_an_input_names_is_counted() -> None:
    step = "  - {name: a, type: claude, provider: offline, prompt: [{type: file, path: '{{ inputs.f }}'}]}\n"
    assert of(step, f="notes.txt").steps[0].input_tokens == Span(10, 10)
    assert of(step).steps[0].notes == (
        "the text of {{ inputs.f }} is not counted: only the run knows which file that is",
    )
