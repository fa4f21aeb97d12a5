"""Text to `Pipeline`: both dialects, positions, every error at once, and what a hostile file cannot do."""

from __future__ import annotations

import time

import pytest

from pipelines.language import (
    ClaudeExtractStep,
    ClaudeStep,
    Diagnostic,
    GeminiStep,
    InvalidInputsError,
    InvalidPipelineError,
    ParallelClaudeStep,
    Pipeline,
    PipelineStep,
    PromptStep,
    build_pipeline,
    dependencies,
    load_pipeline,
    resolve_inputs,
    to_data,
    to_yaml,
    waves,
)

GENESIS = """\
name: genesis_pipeline
description: The primordial pipeline that births all other pipelines
steps:
  - name: analyze_requirements
    type: claude_smart
    prompt: |
      Analyze the following pipeline request

      Request: {{pipeline_request}}

  - name: generate_pipeline_dna
    type: claude_extract
    prompt: |
      Based on the analysis, create the genetic blueprint for this pipeline:
      {{steps.analyze_requirements.result}}
    schema:
      pipeline_genome:
        traits:
          - performance_profile
"""


def findings(text: str | bytes, **options: list[str]) -> tuple[Diagnostic, ...]:
    with pytest.raises(InvalidPipelineError) as caught:
        load_pipeline(text, source="p.yaml", **options)
    return caught.value.diagnostics


def only(text: str | bytes) -> Diagnostic:
    (finding,) = findings(text)
    return finding


def test_the_genesis_pipeline_loads_as_written() -> None:
    pipeline = load_pipeline(GENESIS)
    assert pipeline.implied_inputs == ("pipeline_request",)
    assert pipeline.required_inputs == ("pipeline_request",)
    assert dependencies(pipeline)["generate_pipeline_dna"] == {"analyze_requirements"}
    step = pipeline.steps[1]
    assert isinstance(step, ClaudeExtractStep)
    assert step.output_schema == {"pipeline_genome": {"traits": ["performance_profile"]}}


def test_the_workflow_dialect_with_prompt_parts_becomes_the_same_language() -> None:
    pipeline = load_pipeline("""
workflow:
  name: wrapped
  defaults:
    claude_options: {max_turns: 3, verbose: true}
    claude_output_format: json
    gemini_model: gemini-x
  steps:
    - name: plan
      type: gemini
      prompt:
        - {type: static, content: "Plan {{inputs.goal}}"}
        - {type: file, path: notes.md}
    - name: write
      type: claude
      claude_options: {max_turns: 1}
      prompt:
        - {type: previous_response, step: plan, extract: text}
""")
    plan, write = pipeline.steps
    assert isinstance(plan, GeminiStep) and isinstance(write, ClaudeStep)
    assert plan.prompt == 'Plan {{inputs.goal}}\n{{ file("notes.md") }}'
    assert plan.model == "gemini-x"
    assert write.prompt == '{{ previous_response("plan", "text", true) }}'
    assert write.claude_options == {"max_turns": 1, "verbose": True, "output_format": "json"}
    assert dependencies(pipeline) == {"plan": frozenset(), "write": {"plan"}}
    assert pipeline.implied_inputs == ("goal",)


def test_a_written_pipeline_reads_back_as_the_same_pipeline() -> None:
    text = """
name: round
inputs: {topic: {type: string, default: bees}}
steps:
  - name: a
    type: claude
    prompt:
      - {type: static, content: "about {{topic}}"}
  - name: each
    type: for_loop
    iterator: word
    data_source: "previous_response:a:words"
    steps:
      - {name: say, type: test_echo, value: "{{word}}"}
  - name: inner
    type: pipeline
    inputs: {x: "{{steps.a.result}}"}
    pipeline: {steps: [{name: e, type: test_echo, value: "{{inputs.x}}"}]}
    outputs: [{path: e, as: out}]
outputs: [a]
"""
    pipeline = load_pipeline(text)
    again = load_pipeline(to_yaml(pipeline))
    assert again == pipeline
    assert again.content_hash == pipeline.content_hash
    assert build_pipeline(to_data(pipeline)).content_hash == pipeline.content_hash
    assert Pipeline.model_validate(pipeline.model_dump()) == pipeline


def test_the_content_hash_ignores_layout_and_sees_meaning() -> None:
    one = load_pipeline("name: x\nsteps: [{name: a, type: test_echo, value: 1}]")
    two = load_pipeline("steps:\n  - type: test_echo\n    value: 1\n    name: a\nname: x # why\n")
    three = load_pipeline("name: x\nsteps: [{name: a, type: test_echo, value: 2}]")
    assert one.content_hash == two.content_hash != three.content_hash


def test_a_changed_copy_has_its_own_hash_and_graph() -> None:
    pipeline = load_pipeline(GENESIS)
    assert pipeline.content_hash and dependencies(pipeline) and pipeline.implied_inputs
    shorter = pipeline.model_copy(update={"steps": pipeline.steps[:1]})
    assert shorter.content_hash != pipeline.content_hash
    assert set(dependencies(shorter)) == {"analyze_requirements"}


def test_the_schema_can_be_exported_for_editors() -> None:
    assert "ClaudeExtractStep" in Pipeline.model_json_schema()["$defs"]


def test_all_errors_come_at_once_with_line_column_and_key_path() -> None:
    found = findings("""\
name: bad
steps:
  - name: one
    type: claude
    promt: hello
  - name: two
    type: claud
    prompt: x
  - name: three
    type: gemini
    prompt: "{{steps.fourr.result}}"
  - name: four
    type: test_echo
    retry: {max_atempts: 2}
""")
    seen = {(f.code, f.line, f.column, f.key_path) for f in found}
    assert seen == {
        ("extra_forbidden", 5, 5, "steps[0].promt"),
        ("union_tag_invalid", 7, 11, "steps[1].type"),
        ("missing_step", 11, 16, "steps[2].prompt"),
        ("extra_forbidden", 14, 13, "steps[3].retry.max_atempts"),
    }
    by_path = {f.key_path: f for f in found}
    assert by_path["steps[0].promt"].fix == "write 'prompt'"
    assert by_path["steps[1].type"].fix == "write 'type: claude'"
    assert by_path["steps[2].prompt"].fix == "write 'four'"
    assert by_path["steps[3].retry.max_atempts"].fix == "write 'max_attempts'"
    assert str(by_path["steps[1].type"]).startswith("p.yaml:7:11: steps[1].type: Step 'two' has invalid type")


def test_a_type_of_the_mission_that_is_not_built_is_not_called_unknown() -> None:
    finding = only("name: x\nsteps:\n  - {name: a, type: bash, command: ls}\n")
    assert finding.code == "unsupported"
    assert "not supported yet" in finding.message


def test_a_missing_name_and_missing_steps_are_two_findings() -> None:
    assert {f.key_path for f in findings("description: x\n")} == {"name", "steps"}


def test_an_empty_list_of_steps_is_refused() -> None:
    finding = only("name: x\nsteps: []\n")
    assert (finding.code, finding.key_path, finding.line) == ("no_steps", "steps", 2)
    assert only("workflow:\n  name: x\n  steps: []\n").message == "Workflow must contain at least one step"


def test_a_duplicate_key_names_both_places() -> None:
    finding = only("name: x\nname: y\nsteps: [{name: a, type: test_echo}]\n")
    assert (finding.code, finding.line, finding.column) == ("duplicate_key", 2, 1)
    assert "line 1, column 1" in finding.message


def test_a_duplicate_step_name_is_refused() -> None:
    finding = only("name: x\nsteps:\n  - {name: a, type: test_echo}\n  - {name: a, type: test_echo}\n")
    assert (finding.code, finding.line) == ("duplicate_step", 4)


def test_a_cycle_is_named_as_a_chain() -> None:
    finding = only("""\
name: x
steps:
  - {name: a, type: test_echo, value: "{{steps.c.result}}"}
  - {name: b, type: test_echo, value: "{{steps.a.result}}"}
  - {name: c, type: test_echo, depends_on: [b]}
""")
    assert finding.code == "cycle"
    assert "a → c → b → a" in finding.message


def test_a_step_that_reads_itself_is_refused() -> None:
    assert only('name: x\nsteps: [{name: a, type: test_echo, value: "{{steps.a}}"}]').code == "self_reference"


@pytest.mark.parametrize(
    "step",
    [
        'condition: "nope.ok == true"',
        "depends_on: [nope]",
        'condition: {and: ["true", {not: "steps.nope"}]}',
        "value: \"{{ previous_response('nope') }}\"",
        'value: "{{previous_response:nope.x}}"',
        'value: "{{state.nope}}"',
    ],
)
def test_a_reference_to_what_is_not_there_is_found_before_the_run(step: str) -> None:
    found = findings(f"name: x\nsteps:\n  - name: a\n    type: test_echo\n    {step}\n")
    assert [f.line for f in found] == [5]
    assert "nope" in found[0].message


@pytest.mark.parametrize(
    "source", ["previous_response:nope:x", "nope", "context:nope", "{{steps.nope}}", "steps.nope.x"]
)
def test_a_data_source_that_is_not_there_is_found_before_the_run(source: str) -> None:
    text = f'name: x\nsteps:\n  - {{name: a, type: data_transform, input_source: "{source}", operations: []}}\n'
    assert only(text).key_path == "steps[0].input_source"
    loop = (
        f'name: x\nsteps: [{{name: a, type: for_loop, data_source: "{source}", steps: [{{name: b, type: test_echo}}]}}]'
    )
    assert only(loop).key_path == "steps[0].data_source"


def test_names_of_a_loop_hold_inside_and_not_outside() -> None:
    text = """\
name: x
steps:
  - name: each
    type: for_loop
    iterator: word
    data_source: [a, b]
    steps:
      - {name: say, type: test_echo, value: "{{word}} {{loop.index}}"}
      - {name: again, type: test_echo, value: "{{steps.say.result}}", condition: "loop.index > 0"}
  - {name: after, type: test_echo, value: "VALUE"}
"""
    load_pipeline(text.replace("VALUE", "{{steps.each.iterations}}"))
    assert only(text.replace("VALUE", "{{steps.say.result}}")).code == "missing_step"
    assert only(text.replace("VALUE", "{{loop.index}}")).code == "loop_outside"


def test_reaching_for_python_is_found_at_validation() -> None:
    finding = only("name: x\nsteps: [{name: a, type: test_echo, value: \"{{ ''.__class__.__mro__ }}\"}]")
    assert finding.code == "template"
    assert "Python" in finding.message


def test_a_condition_that_cannot_be_read_says_where() -> None:
    finding = only('name: x\nsteps: [{name: a, type: test_echo, condition: "1 >> 2"}]')
    assert finding.code == "condition"
    assert "character 4" in finding.message


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "~/x"])
def test_a_path_that_leaves_the_workspace_is_found_before_the_run(path: str) -> None:
    text = f'name: x\nsteps: [{{name: a, type: file_ops, operation: read, path: "{path}"}}]'
    assert only(text).code == "path_escapes"


def test_file_operations_say_what_they_need() -> None:
    assert "needs path and content" in only("name: x\nsteps: [{name: a, type: file_ops, operation: write}]").message


def test_an_inline_pipeline_has_names_of_its_own() -> None:
    text = """\
name: x
steps:
  - {name: a, type: test_echo, value: 1}
  - name: b
    type: pipeline
    inputs: {n: "{{steps.a.result}}"}
    pipeline:
      workflow:
        name: inner
        steps:
          - {name: c, type: test_echo, value: "VALUE"}
"""
    pipeline = load_pipeline(text.replace("VALUE", "{{inputs.n}}"))
    assert dependencies(pipeline)["b"] == {"a"}
    assert isinstance(pipeline.steps[1], PipelineStep)
    finding = only(text.replace("VALUE", "{{inputs.n}} {{steps.a.result}}"))
    assert (finding.line, finding.key_path) == (11, "steps[1].pipeline.workflow.steps[0].value")
    assert only(text.replace("VALUE", "{{inputs.n}} {{inputs.m}}")).code == "missing_input"


def test_what_an_inline_pipeline_is_given_must_fit_what_it_declares() -> None:
    text = """\
name: x
steps:
  - name: p
    type: pipeline
    inputs: {n: seven, b: maybe, l: {a: 1}, e: green, extra: 1, late: "{{ inputs.any }}", five: "5"}
    pipeline:
      name: inner
      inputs:
        n: {type: integer}
        b: {type: boolean}
        l: {type: list}
        e: {type: string, enum: [red, blue]}
        late: {type: integer}
        five: {type: integer}
        gone: {type: map}
      steps: [{name: c, type: test_echo, value: 1}]
"""
    found = findings(text)
    assert [(each.code, each.key_path) for each in found] == [
        ("wrong_input", "steps[0].inputs.n"),
        ("wrong_input", "steps[0].inputs.b"),
        ("wrong_input", "steps[0].inputs.l"),
        ("wrong_input", "steps[0].inputs.e"),
        ("unknown_input", "steps[0].inputs.extra"),
        ("missing_input", "steps[0].pipeline"),
    ]
    assert "must be of type integer, got the text 'seven'" in found[0].message


def test_a_default_must_be_what_its_input_may_be_given() -> None:
    text = "name: x\ninputs: {INPUT}\nsteps: [{name: c, type: test_echo, value: 1}]\n"
    for declared in ("n: {type: integer, default: x}", "n: {type: string, default: 5}", "n: {enum: [a], default: b}"):
        finding = only(text.replace("INPUT", declared))
        assert (finding.code, finding.key_path) == ("wrong_default", "inputs.n.default")
    assert resolve_inputs(load_pipeline(text.replace("INPUT", "n: {type: integer, default: '5'}")), {}) == {"n": 5}
    assert resolve_inputs(load_pipeline(text.replace("INPUT", "n: {type: list, required: false}")), {}) == {"n": None}


def test_null_is_no_value_of_a_type_that_is_asked_for() -> None:
    pipeline = load_pipeline(
        "name: x\ninputs: {n: {type: integer}, o: {type: list, required: false}, a: {type: any}}\n"
        "steps: [{name: c, type: test_echo, value: 1}]\n"
    )
    with pytest.raises(InvalidInputsError, match="'n' must be of type integer, got null"):
        resolve_inputs(pipeline, {"n": None, "o": None, "a": None})
    assert resolve_inputs(pipeline, {"n": 1, "o": None, "a": None}) == {"n": 1, "o": None, "a": None}


@pytest.mark.parametrize(("word", "read"), [("no", "false"), ("on", "true"), ("3.10", "3.1")])
def test_a_name_that_yaml_reads_as_something_else_is_to_be_quoted(word: str, read: str) -> None:
    finding = only(f"name: x\nsteps: [{{name: {word}, type: test_echo}}]\n")
    assert (finding.message, finding.fix) == (f"name must be text, got {read}", "quote it")


def test_an_unknown_pipeline_file_is_found_when_the_known_ones_are_given() -> None:
    text = "name: x\nsteps: [{name: a, type: pipeline, pipeline_file: lib/digset.yaml}]"
    assert load_pipeline(text).name == "x"
    (finding,) = findings(text, known_pipelines=["lib/digest.yaml"])
    assert finding.fix == "write 'lib/digest.yaml'"


def test_an_unknown_provider_is_found_when_the_known_ones_are_given() -> None:
    loop = "{name: l, type: for_loop, data_source: [1], steps: [{name: a, type: claude, prompt: p, PUT}]}"
    text = f"name: x\nsteps:\n- {loop}"
    wrong = text.replace("PUT", "provider: anthropics")
    assert load_pipeline(wrong).name == "x"
    (finding,) = findings(wrong, known_providers=["anthropic", "gemini"])
    assert (finding.code, finding.line, finding.fix) == ("missing_provider", 3, "write 'anthropic'")
    assert load_pipeline(text.replace("PUT", "provider: gemini"), known_providers=["gemini"]).name == "x"


def test_an_output_that_names_a_missing_step_is_found_in_a_list_and_in_a_map() -> None:
    text = "name: x\nsteps: [{name: answer, type: test_echo, value: 1}]\noutputs: "
    assert only(text + "[anwser]").fix == "write 'answer'"
    finding = only(text + '{result: "{{steps.anwser.result}}"}')
    assert (finding.code, finding.key_path, finding.fix) == ("missing_step", "outputs.result", "write 'answer'")
    assert only(text + '{result: "{{steps.answer"}').code == "template"


def test_parallel_tasks_are_required_and_the_missions_short_form_is_read() -> None:
    message = only("name: x\nsteps: [{name: s, type: parallel_claude}]").message
    assert message == "Step 's' of type 'parallel_claude' missing required 'parallel_tasks' field"
    step = load_pipeline("name: x\nsteps: [{name: s, type: parallel_claude, tasks: [optimize_for_speed]}]").steps[0]
    assert isinstance(step, ParallelClaudeStep)
    assert (step.parallel_tasks[0].id, step.parallel_tasks[0].prompt) == ("optimize_for_speed", "optimize for speed")


def test_a_bad_prompt_part_is_named() -> None:
    finding = only("name: x\nsteps: [{name: s, type: claude, prompt: [{type: statik, content: x}]}]")
    assert finding.message == "Step 's' has prompt part with invalid type: statik"
    assert "static" in finding.fix


def test_steps_without_references_share_a_wave_and_variables_keep_their_order() -> None:
    pipeline = load_pipeline("""
name: x
variables: {n: 0}
steps:
  - {name: a, type: test_echo, value: 1}
  - {name: b, type: test_echo, value: 2}
  - {name: reads, type: test_echo, value: "{{state.n}}"}
  - {name: sets, type: set_variable, variables: {n: "{{state.n + 1}}"}}
  - {name: reads_later, type: test_echo, value: "{{n}}"}
  - {name: w, type: file_ops, operation: write, path: out/x.txt, content: hi}
  - {name: r, type: file_ops, operation: list, path: out}
""")
    graph = dependencies(pipeline)
    assert graph["sets"] == {"reads"} and graph["reads_later"] == {"sets"} and graph["r"] == {"w"}
    assert waves(graph) == (("a", "b", "reads", "w"), ("sets", "r"), ("reads_later",))


def test_inputs_get_defaults_types_and_all_problems_at_once() -> None:
    pipeline = load_pipeline("""
name: x
inputs: {count: {type: integer}, tone: calm, level: {enum: [low, high], default: low}}
steps: [{name: a, type: test_echo, value: "{{count}} {{free}}"}]
""")
    assert resolve_inputs(pipeline, {"count": "5", "free": "f"}) == {
        "count": 5,
        "tone": "calm",
        "level": "low",
        "free": "f",
    }
    with pytest.raises(InvalidInputsError) as caught:
        resolve_inputs(pipeline, {"cuont": 1, "level": "mid"})
    assert [p.split("'")[1] for p in caught.value.problems] == ["cuont", "count", "free", "level"]
    assert "did you mean 'count'" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "empty", 1),
        ("- a\n", "top_level", 1),
        ("just text\n", "top_level", 1),
        ("name: x\n\tsteps: []\n", "yaml", 2),
        ("name: [x\n", "yaml", 2),
        (b"name: \xff\xfe\n", "encoding", 1),
        ("name: a\x00b\n", "yaml", 1),
        ("name: x\nsteps: !!python/object/apply:os.system [ls]\n", "tag", 2),
        ("a: &a [*a]\n", "limit", 1),
        ("x: " + "[" * 200 + "]" * 200, "limit", 1),
        ("x" * (2 * 1024 * 1024 + 1), "limit", 0),
    ],
)
def test_text_that_is_no_pipeline_gets_one_clear_finding(text: str | bytes, code: str, line: int) -> None:
    found = findings(text)
    assert code in {f.code for f in found}
    assert next(f.line for f in found if f.code == code) == line


def test_an_alias_bomb_is_refused_quickly() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    started = time.perf_counter()
    assert only(bomb).code == "limit"
    assert time.perf_counter() - started < 1


def test_anchors_and_merge_keys_of_honest_files_work() -> None:
    pipeline = load_pipeline("""
name: x
global_vars: {shared: &shared {temperature: 0.5, model: m}}
steps:
  - {<<: *shared, name: a, type: claude, prompt: hi, model: own}
""")
    step = pipeline.steps[0]
    assert isinstance(step, PromptStep)
    assert (step.temperature, step.model) == (0.5, "own")
