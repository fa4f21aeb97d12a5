"""What only a file of the `workflow:` dialect may hold: read with its meaning, told, or refused as pipeline_ex does."""

from __future__ import annotations

import pytest

from pipelines.language import InvalidPipelineError, Pipeline, check_document, load_pipeline, read_yaml, to_yaml


def told(step: str, head: str = "") -> tuple[Pipeline, list[str]]:
    document = read_yaml(f"workflow:\n  name: w\n{head}  steps:\n    - {{name: s, {step}}}\n", "w.yaml")
    pipeline = check_document(document)
    return pipeline, [str(each) for each in document.warnings]


def refused(step: str) -> str:
    with pytest.raises(InvalidPipelineError) as caught:
        told(step)
    return str(caught.value)


def test_an_unknown_preset_means_development_and_is_told() -> None:
    pipeline, warnings = told("type: claude_smart, preset: night, prompt: hi")
    assert pipeline.model_dump()["steps"][0]["preset"] == "development"
    assert any("there is no preset 'night'" in each for each in warnings)
    with pytest.raises(InvalidPipelineError, match="'night' is not allowed for 'preset'"):
        load_pipeline("name: w\nsteps: [{name: s, type: claude_smart, preset: night, prompt: hi}]")


def test_an_output_with_a_format_means_its_path() -> None:
    pipeline, warnings = told("type: claude, prompt: hi, output_to_file: {path: o.jsonl, format: jsonl}")
    assert pipeline.steps[0].output_to_file == "o.jsonl"
    assert any("only `path` has an effect" in each for each in warnings)


def test_an_option_that_nobody_knows_is_left_out_and_told_once() -> None:
    head = "  defaults: {claude_options: {stream_console_config: {color: true}}}\n"
    pipeline, warnings = told("type: claude, prompt: hi", head)
    assert sum("'stream_console_config' is no key" in each for each in warnings) == 1
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash


def test_a_misspelt_option_is_an_error() -> None:
    assert "unknown key 'max_turn'" in refused("type: claude, prompt: hi, claude_options: {max_turn: 1}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("async_streaming: 'yes'", "async_streaming must be a boolean"),
        ("async_streaming: true, stream_handler: fax", "stream_handler must be one of: console, simple"),
        ("async_streaming: true, stream_buffer_size: 0", "stream_buffer_size must be a positive integer"),
        ("async_streaming: true, stream_buffer_size: true", "stream_buffer_size must be a positive integer"),
    ],
)
def test_what_the_loader_of_pipeline_ex_refuses_is_refused(options: str, message: str) -> None:
    assert message in refused(f"type: claude, prompt: hi, claude_options: {{{options}}}")


def test_a_loop_needs_its_iterator_in_a_switch_too() -> None:
    loop = "{name: l, type: for_loop, data_source: [1], steps: []}"
    message = refused(f"type: switch, value: a, cases: [{{when: a, steps: [{loop}]}}], default: [{loop}]")
    assert message.count("For loop requires 'iterator' field") == 2
    bare = f"name: w\nsteps: [{loop}]\n"
    assert load_pipeline(bare).steps[0].name == "l"


def test_one_variable_is_set_by_name_and_found_by_its_step() -> None:
    text = (
        "workflow:\n  name: w\n  steps:\n"
        "    - {name: v, type: set_variable, variable: rows, value: [1]}\n"
        "    - {name: l, type: for_loop, iterator: i, data_source: 'previous_response:v:rows', steps: []}\n"
    )
    pipeline = load_pipeline(text)
    assert pipeline.model_dump()["steps"][0]["variables"] == {"rows": [1]}
    assert pipeline.dependency_graph["l"] == {"v"}


def test_a_condition_about_a_step_that_is_not_there_is_told() -> None:
    _, warnings = told("type: test_echo, value: 1, condition: gone.x > 1")
    assert any("'gone' is no step, input or variable; it is null here" in each for each in warnings)
    with pytest.raises(InvalidPipelineError, match="'gone' is no step"):
        load_pipeline("name: w\nsteps: [{name: s, type: test_echo, condition: gone.x > 1}]")


def test_an_input_that_the_nested_pipeline_does_not_ask_for_is_told() -> None:
    _, warnings = told("type: pipeline, inputs: {q: 1}, pipeline: {steps: [{name: a, type: test_echo}]}")
    assert any("the nested pipeline has no input 'q'" in each for each in warnings)
