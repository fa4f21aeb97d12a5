"""Files of pipeline_ex: what is read with its meaning, what is told as a warning, and what stays strict."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.language import (
    InvalidPipelineError,
    Pipeline,
    Scope,
    TemplateError,
    load_pipeline,
    read_yaml,
    render,
    render_text,
    resolve_inputs,
    resolve_source,
)
from pipelines.language.loader import check_document

KEEP: dict[str, Any] = {"unresolved_names": "keep"}


def wrapped(step: str, head: str = "") -> str:
    return f"workflow:\n  name: w\n{head}  steps:\n    - {{name: s, {step}}}\n"


def told(text: str) -> tuple[Pipeline, list[str]]:
    document = read_yaml(text, "w.yaml")
    pipeline = check_document(document)
    return pipeline, [str(each) for each in document.warnings]


def only(text: str) -> Any:
    return load_pipeline(text).steps[0]


def test_an_unknown_key_is_a_warning_in_their_dialect_and_an_error_in_ours() -> None:
    _, warnings = told(wrapped("type: claude, prompt: hi, mood: merry"))
    (warning,) = warnings
    assert warning.startswith("w.yaml:4:") and "warning: workflow.steps[0].mood: 'mood' is no key" in warning
    with pytest.raises(InvalidPipelineError, match="unknown key 'mood'"):
        load_pipeline("name: w\nsteps: [{name: s, type: claude, prompt: hi, mood: merry}]")


@pytest.mark.parametrize(
    "step", ["type: claude, prompt: hi, condtion: a", "type: claude, prompt: hi, output_to_fil: a"]
)
def test_a_misspelt_key_is_an_error_in_both(step: str) -> None:
    with pytest.raises(InvalidPipelineError, match="unknown key"):
        load_pipeline(wrapped(step))


@pytest.mark.parametrize(
    "step",
    [
        "type: gemini, prompt: hi, token_budget: {max_input_tokens: 5}",
        "type: claude, prompt: [{type: static, content: x, weight: 3}]",
        "type: claude, prompt: hi, claude_options: {wings: 2}",
        "type: pipeline, pipeline: {name: i, mood: 1, steps: [{name: t, type: test_echo, tone: 2}]}",
        "type: for_loop, iterator: i, data_source: [1], steps: [{name: t, type: test_echo, tone: 2}]",
    ],
)
def test_unknown_keys_are_let_pass_at_every_depth(step: str) -> None:
    _, warnings = told(wrapped(step))
    assert any("no effect" in each or "unknown key" in each for each in warnings)


def test_what_is_read_without_effect_is_told() -> None:
    head = "  checkpoint_enabled: true\n  hooks: {a: 1}\n  defaults: {mood: x}\n  environment: {debug_level: basic}\n"
    _, warnings = told(wrapped("type: claude, prompt: hi, claude_options: {allowed_tools: [Read]}", head))
    for name in ("checkpoint_enabled", "hooks", "mood", "debug_level", "allowed_tools"):
        assert any(name in each for each in warnings), name


@pytest.mark.parametrize(
    ("step", "attribute", "value"),
    [
        ("type: claude, prompt: hi, options: {model: m}", "claude_options", {"model": "m"}),
        ("type: claude, prompt: hi, config: {model: m, max_tokens: 7}", "max_tokens", 7),
        ("type: gemini, prompt: hi, config: {generation_config: {max_output_tokens: 9}}", "max_tokens", 9),
        ("type: claude, prompt: hi, on_error: {action: continue}", "on_error", "continue"),
        ("type: claude, prompt: hi, timeout_seconds: 4", "timeout_s", 4),
        ("type: set_variable, scope: local, variables: {a: 1}", "scope", "global"),
    ],
)
def test_their_spelling_gets_its_meaning(step: str, attribute: str, value: Any) -> None:
    assert getattr(only(wrapped(step)), attribute) == value


@pytest.mark.parametrize(
    ("step", "attempts"),
    [
        ("type: claude, prompt: hi, retry_on_error: false", 1),
        ("type: claude, prompt: hi, max_retries: 4", 5),
        ("type: claude, prompt: hi, claude_options: {retry_config: {max_retries: 1, backoff_strategy: linear}}", 2),
    ],
)
def test_their_retries_become_ours(step: str, attempts: int) -> None:
    assert only(wrapped(step)).retry.max_attempts == attempts


def test_defaults_reach_every_step_that_does_not_say() -> None:
    head = "  defaults: {timeout_seconds: 9, continue_on_error: true}\n"
    step = only(wrapped("type: claude, prompt: hi", head))
    assert (step.timeout_s, step.on_error) == (9, "continue")
    assert only(wrapped("type: claude, prompt: hi, on_error: fail, timeout_s: 2", head)).timeout_s == 2


def test_an_output_field_is_found_under_its_own_name() -> None:
    text = "workflow:\n  name: w\n  steps:\n"
    text += "    - {name: a, type: data_transform, input_source: '{{ [1] }}', output_field: ones}\n"
    text += "    - {name: b, type: data_transform, input_source: 'previous_response:ones'}\n"
    pipeline = load_pipeline(text)
    assert pipeline.dependency_graph["b"] == {"a"}
    scope = Scope(steps={"a": {"ones": [1]}})
    source = pipeline.steps[1].model_dump()["input_source"]
    assert resolve_source(source, scope) == [1]


def test_a_source_looks_into_json_that_a_model_wrote_as_text() -> None:
    scope = Scope(steps={"m": {"text": 'Here:\n```json\n{"rows": [1, 2]}\n```', "result": "..."}})
    assert resolve_source("previous_response:m.rows", scope) == [1, 2]
    with pytest.raises(TemplateError):
        resolve_source("previous_response:m.columns", scope)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a {{ steps.gone.x }} b", "a {{ steps.gone.x }} b"),
        ("a {{ gone }} b {{ n }}", "a  b 4"),
        ("{{ gone + 1 }}|{{ n + gone }}", "1|4"),
        ("{{ nope(1) }}!", "nope(1)!"),
        ("{{ n > 3 ? 'x' : 'y' }}|{{ n }}", "|4"),
        ("{{ gone | default('d') }}{{ inputs.gone }}", "d{{ inputs.gone }}"),
    ],
)
def test_kept_names_are_rendered_as_pipeline_ex_does(template: str, text: str) -> None:
    assert render_text(template, Scope(state={"n": 4}, workflow=KEEP)) == text


def test_a_kept_name_that_is_the_whole_value_is_null_and_one_that_is_there_keeps_its_type() -> None:
    scope = Scope(state={"n": 4}, workflow=KEEP)
    assert render(["{{ gone }}", "{{ n }}", "{{ steps.gone }}"], scope) == [None, 4, "{{ steps.gone }}"]


def test_kept_names_do_not_hide_other_faults() -> None:
    with pytest.raises(TemplateError, match="repetition"):
        render_text("{{ 'x' * 1000000000 }} {{ gone }}", Scope(workflow=KEEP))


def test_a_bare_file_stays_strict_unless_it_says_otherwise() -> None:
    strict = "name: p\nsteps: [{name: s, type: claude, prompt: '{{ nope(1) }}'}]"
    with pytest.raises(InvalidPipelineError, match="no function 'nope'"):
        load_pipeline(strict)
    assert load_pipeline(f"unresolved_names: keep\n{strict}").unresolved_names == "keep"
    with pytest.raises(InvalidPipelineError, match="no function 'nope'"):
        load_pipeline(wrapped("type: claude, prompt: '{{ nope(1) }}'", "  unresolved_names: error\n"))


def test_a_template_that_leads_nowhere_is_a_warning_in_their_dialect() -> None:
    pipeline, warnings = told(wrapped("type: claude, prompt: '{{ steps.gone.x }} {{ topic }} {{ inputs.who }}'"))
    assert any("there is no step 'gone'" in each for each in warnings)
    assert pipeline.required_inputs == ("who",)


def test_a_prompt_part_that_names_no_step_is_an_error_in_both() -> None:
    with pytest.raises(InvalidPipelineError, match="references non-existent steps: gone"):
        load_pipeline(wrapped("type: claude, prompt: [{type: previous_response, step: gone}]"))


def test_a_step_waits_for_what_can_be_read_of_a_text_that_cannot_be_compiled() -> None:
    text = wrapped("type: test_echo, value: 1")
    text += "    - {name: t, type: test_echo, value: '{{ a ? b : c }} {{ steps.s }}'}\n"
    assert load_pipeline(text).dependency_graph["t"] == {"s"}


def test_the_path_of_a_file_part_is_read_as_any_other_template() -> None:
    text = wrapped("type: test_echo, value: notes.txt")
    parts = "[{type: file, path: '{{ steps.s }}'}, {type: file, path: '{{ code_file }}'}]"
    text += f"    - {{name: t, type: claude, prompt: {parts}}}\n"
    pipeline = load_pipeline(text)
    assert pipeline.dependency_graph["t"] == {"s"}
    assert resolve_inputs(pipeline, {"code_file": "a.py"}) == {"code_file": "a.py"}
    with pytest.raises(InvalidPipelineError, match="there is no step 'gone'"):
        load_pipeline("name: n\nsteps: [{name: t, type: claude, prompt: [{type: file, path: '{{ steps.gone }}'}]}]")


def test_a_previous_response_is_cut_after_its_max_length() -> None:
    text = wrapped("type: test_echo, value: abcdef")
    part = "{type: previous_response, step: s, max_length: 3}"
    text += f"    - {{name: t, type: claude, prompt: [{part}, {{type: claude_continue, new_prompt: go on}}]}}\n"
    prompt = load_pipeline(text).model_dump()["steps"][1]["prompt"]
    assert render_text(prompt, Scope(steps={"s": "abcdef"})) == "abc\ngo on"


def test_a_part_that_asks_for_a_session_is_empty_and_told() -> None:
    part = "{type: session_context, session_id: x, include_last_n: 3}"
    pipeline, warnings = told(wrapped(f"type: claude, prompt: [{part}, {{type: static, content: hi}}]"))
    assert pipeline.model_dump()["steps"][0]["prompt"] == "\nhi"
    assert any("session_context" in each for each in warnings)


def test_of_very_many_unknown_keys_a_hundred_are_told() -> None:
    keys = "".join(f"      k{index}: 1\n" for index in range(20_000))
    text = f"workflow:\n  name: w\n  steps:\n    - name: s\n      type: test_echo\n{keys}"
    _, warnings = told(text)
    assert len(warnings) == 100
