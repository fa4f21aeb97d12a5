"""What is tried when a step fails, in which order, and what counts as an answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.language import BaseStep, Scope, TemplateError, build_pipeline, load_pipeline, to_yaml
from pipelines.recovery import (
    Alternative,
    Experience,
    Failure,
    alternatives,
    contract_ok,
    misfit,
    ranked,
    read_answer,
    rendered,
    simplified,
)

DOWN = Failure("overloaded", "busy", provider="anthropic", kind="transient")
ALL = ("anthropic", "gemini", "offline")


def step(**keys: Any) -> BaseStep:
    data = {"name": "work", "type": "claude", "prompt": "Say it.", **keys}
    if data["type"] not in {"claude", "claude_smart", "claude_extract", "gemini"}:
        del data["prompt"]
    return build_pipeline({"name": "x", "steps": [data]}).steps[0]


FOUND = {"type": "object", "properties": {"found": {"type": "array"}}, "required": ["found"]}
EXTRACT = step(type="claude_extract", schema=FOUND)
PARALLEL = step(type="parallel_claude", parallel_tasks=[{"id": "a", "prompt": "A?"}, {"id": "b", "prompt": "B?"}])


def ways(of: BaseStep, failure: Failure = DOWN, available: tuple[str, ...] = ALL) -> list[tuple[str, str]]:
    return [(way.strategy, way.detail) for way in alternatives(of, failure, available, {})]


def test_a_claude_step_tries_the_other_vendor_then_a_shorter_prompt_then_says_that_it_is_degraded() -> None:
    assert ways(step()) == [
        ("other_provider", "gemini"),
        ("simplified_prompt", "shortened"),
        ("degraded_answer", "offline rules"),
        ("degraded_answer", "plain notice"),
    ]


def test_a_step_with_a_schema_may_become_claude_asked_for_json_and_never_a_plain_notice() -> None:
    found = ways(EXTRACT)
    assert ("other_step_type", "claude asked for JSON") in found
    assert ("degraded_answer", "plain notice") not in found


def test_parallel_questions_may_be_asked_one_by_one() -> None:
    assert ("other_step_type", "claude one by one") in ways(PARALLEL)


@pytest.mark.parametrize("kind", ["gemini", "claude_smart"])
def test_other_prompt_steps_may_become_claude(kind: str) -> None:
    assert ("other_step_type", "claude") in ways(step(type=kind))


def test_on_a_node_without_vendors_the_offline_rules_are_an_ordinary_provider() -> None:
    found = alternatives(step(provider="anthropic"), DOWN, ("offline",), {})
    assert (found[0].strategy, found[0].detail, found[0].degraded) == ("other_provider", "offline", False)


def test_with_a_vendor_configured_the_offline_rules_count_as_degraded() -> None:
    offline = [way for way in alternatives(step(), DOWN, ALL, {}) if way.provider == "offline"]
    assert [way.degraded for way in offline] == [True]


def test_the_failed_provider_is_not_asked_again_where_it_is_unusable() -> None:
    unusable = Failure("no_key", provider="anthropic", kind="unavailable")
    assert all(way.provider != "anthropic" for way in alternatives(EXTRACT, unusable, ALL, {}))


@pytest.mark.parametrize("failure", [Failure("kill_switch"), Failure("cancelled"), Failure("x", kind="spent")])
def test_what_somebody_stopped_stays_stopped(failure: Failure) -> None:
    assert ways(step(), failure) == []


def test_steps_whose_effect_is_the_point_have_no_other_way() -> None:
    for data in (
        {"type": "file_ops", "operation": "read", "path": "a.txt"},
        {"type": "data_transform", "input_source": [1]},
        {"type": "set_variable"},
        {"type": "test_echo"},
    ):
        assert ways(step(**data)) == []


def test_every_alternative_is_a_whole_valid_pipeline_that_asks_nobody_for_another_way() -> None:
    for of in (step(system="Be kind."), EXTRACT, PARALLEL, step(type="gemini", token_budget={"max_output_tokens": 9})):
        for way in alternatives(of, DOWN, ALL, {}):
            assert load_pipeline(to_yaml(way.pipeline)).content_hash == way.pipeline.content_hash
            assert set(way.pipeline.required_inputs) == set(way.inputs)
            assert all(each.on_error == "fail" for each in way.pipeline.steps)


def test_texts_of_the_failed_step_are_never_taken_for_templates() -> None:
    failed = rendered(step(prompt="Explain {{inputs.text}}"), Scope(inputs={"text": "{{ steps.secret.result }}"}))
    way = alternatives(failed, DOWN, ALL, {})[0]
    assert way.inputs["prompt"] == "Explain {{ steps.secret.result }}"
    assert way.pipeline.required_inputs == ("prompt",)


def test_a_text_that_cannot_be_rendered_is_an_error() -> None:
    with pytest.raises(TemplateError):
        rendered(step(prompt="{{inputs.missing}}"), Scope())


# ---- order ---------------------------------------------------------------------------------------------------


def test_what_is_too_long_is_shortened_first_and_what_is_misshapen_is_asked_differently_first() -> None:
    assert ranked(Failure("context_too_long"), {})[0] == "simplified_prompt"
    assert ranked(Failure("answer_misfit"), {})[0] == "other_step_type"
    assert ranked(Failure("overloaded"), {})[0] == "other_provider"


def test_what_helped_before_is_tried_first() -> None:
    learned = {"simplified_prompt": Experience(9, 10), "other_provider": Experience(0, 10)}
    assert ranked(DOWN, learned)[0] == "simplified_prompt"
    assert ranked(DOWN, learned).index("other_provider") == 2


@given(st.dictionaries(st.sampled_from(["other_provider", "degraded_answer"]), st.integers(0, 100), max_size=2))
def test_a_degraded_answer_is_always_last(attempts: dict[str, int]) -> None:
    learned = {name: Experience(count, count) for name, count in attempts.items()}
    assert ranked(DOWN, learned)[-1] == "degraded_answer"


@given(st.text(max_size=5000))
def test_a_simplified_prompt_is_bounded_and_asks_briefly(prompt: str) -> None:
    short = simplified(prompt)
    assert len(short) < 1400 and short.endswith("cannot answer.")


def test_a_simplified_prompt_keeps_the_task_and_the_question() -> None:
    prompt = "Summarise the report.\n" + "Noise goes on. " * 500 + "\nWhat follows?"
    assert simplified(prompt).startswith("Summarise the report.")
    assert "What follows?" in simplified(prompt)


# ---- contract ------------------------------------------------------------------------------------------------


def test_text_steps_need_text() -> None:
    assert contract_ok(step(), {"text": "yes", "result": "yes"})
    assert not contract_ok(step(), {"text": "  "})
    assert not contract_ok(step(), None)
    assert misfit(step(), {"text": "yes", "success": False}) == "the result says that it failed"


def test_extracted_data_must_conform_to_the_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    extract = step(type="claude_extract", schema=schema)
    assert contract_ok(extract, {"text": "", "result": {"n": 1}})
    assert "n" in (misfit(extract, {"text": "x", "result": {"n": "one"}}) or "")


def test_parallel_results_need_text_for_every_task() -> None:
    assert misfit(PARALLEL, {"individual_results": {"a": {"text": "x"}}}) == "no text for b"


def by(of: BaseStep, detail: str) -> Alternative:
    return next(way for way in alternatives(of, DOWN, ALL, {}) if way.detail == detail)


def test_json_in_a_text_answer_becomes_the_data() -> None:
    answer: dict[str, Any] = {"text": 'Here:\n```json\n{"found": ["a"]}\n```', "result": "x", "success": True}
    result = read_answer(by(EXTRACT, "claude asked for JSON"), {"answer": answer}, {}, EXTRACT)
    assert result is not None and result["result"] == {"found": ["a"]}
    assert contract_ok(EXTRACT, result)


def test_a_text_without_json_is_no_answer_for_a_schema() -> None:
    assert read_answer(by(EXTRACT, "claude asked for JSON"), {"answer": {"text": "Sorry."}}, {}, EXTRACT) is None


def test_answers_one_by_one_are_joined_into_the_parallel_shape() -> None:
    results = {"part_0": {"text": "A!", "result": "A!"}, "part_1": {"text": "B!", "result": "B!"}}
    result = read_answer(by(PARALLEL, "claude one by one"), results, {}, PARALLEL)  # pyright: ignore[reportArgumentType]
    assert result is not None and contract_ok(PARALLEL, result)
    assert result["individual_results"] == {"a": results["part_0"], "b": results["part_1"]}
    assert result["results"] == ["A!", "B!"]


def test_a_degraded_answer_says_so_and_what_failed() -> None:
    way = by(step(), "plain notice")
    result = read_answer(way, {}, {"text": way.inputs["text"]}, step())
    assert result is not None and result["degraded"] is True
    assert str(result["text"]).startswith("[Degraded answer]") and "overloaded" in str(result["text"])
    assert contract_ok(step(), result)


def test_an_extraction_keeps_its_preset_and_the_format_of_its_text() -> None:
    config = {"format": "json", "max_summary_length": 50}
    of = step(type="claude_extract", preset="production", extraction_config=config)
    (other,) = [way for way in alternatives(of, DOWN, ALL, {}) if way.strategy == "other_provider"]
    tried: Any = other.pipeline.steps[0]
    original: Any = of
    assert (tried.preset, tried.extraction_config) == ("production", original.extraction_config)


def test_the_model_goes_along_to_its_own_vendor_only() -> None:
    of = step(model="claude-haiku-4-5", type="claude_smart", system="Be kind.", max_tokens=99)
    found = {way.strategy: way.pipeline.steps[0] for way in alternatives(of, DOWN, ALL, {}) if not way.degraded}
    models: dict[str, Any] = {strategy: getattr(each, "model", None) for strategy, each in found.items()}
    assert models["other_provider"] is None
    assert models["simplified_prompt"] == models["other_step_type"] == "claude-haiku-4-5"
    plain: Any = found["other_step_type"]
    assert (plain.type, plain.max_tokens, plain.system) == ("claude", 99, "{{inputs.system}}")


def test_a_way_says_how_many_calls_it_makes_at_most_and_offline_rules_cost_none() -> None:
    calls = {way.detail: way.most_calls for way in alternatives(PARALLEL, DOWN, ALL, {})}
    assert calls["gemini"] == calls["claude one by one"] == 4
    assert calls["offline rules"] == 0
    assert {way.detail: way.most_calls for way in alternatives(EXTRACT, DOWN, ALL, {})}["gemini"] == 4
