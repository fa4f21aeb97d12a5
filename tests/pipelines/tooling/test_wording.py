"""The explanation tells order, side by side, conditions, failures and where the results go."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.language import load_pipeline
from pipelines.tooling import Routing, explain

ROOT = Path(__file__).resolve().parents[3]
ROUTING = Routing({"claude": "anthropic", "gemini": "offline"}, {"anthropic": "big", "offline": "rules"})

TEXT = """
name: support
description: Sorts a letter.
inputs: {tone: {type: string, default: kind, enum: [kind, formal]}}
steps:
  - {name: a, type: claude, prompt: "{{ inputs.letter }}", timeout_s: 5}
  - {name: b, type: gemini, prompt: hi, on_error: continue, retry: {max_attempts: 1}}
  - {name: c, type: claude, model: small, prompt: "{{ steps.a.result }}{{ steps.b.result }}", condition: not a.skipped,
     on_error: fail, output_to_file: c.md}
outputs: [c, {path: a.text, as: first}]
"""


def test_the_whole_story_of_a_small_pipeline() -> None:
    assert explain(load_pipeline(TEXT), ROUTING).splitlines() == [
        "Pipeline 'support': Sorts a letter.",
        "",
        "It takes:",
        "  - tone (string): kind unless given; one of kind, formal",
        "  - letter: must be given (used, but not declared)",
        "",
        "What happens:",
        "  1. Side by side, each as soon as what it waits for is there:",
        "     - 'a' asks anthropic (big).",
        "       If it fails 3 times, another way is looked for, and if there is none the run fails."
        " Each try may take 5 s.",
        "     - 'b' asks offline (rules).",
        "       If it fails, the run goes on without it.",
        "  2. 'c' after a and b asks anthropic (small).",
        "     Only if not a.skipped; otherwise it is skipped.",
        "     If it fails, the run fails.",
        "     Its result is also written to c.md.",
        "",
        "Where the results go:",
        "  - c: the result of step 'c'",
        "  - first: a.text",
        "  - files: below ./workspace, unless the caller names another directory",
        "  - files of results: below outputs in that directory",
    ]


def test_limits_and_what_a_failure_does_to_the_others_are_told() -> None:
    text = (
        "name: x\non_failure: finish\nlimits: {max_steps: 2000, max_cost_usd: 0.5}\nsteps:\n"
        "  - {name: p, type: pipeline, config: {max_tokens: 9, max_depth: 2}, "
        "pipeline: {name: i, limits: {max_seconds: 5}, steps: [{name: a, type: test_echo}]}}\n"
        "  - {name: e, type: pipeline_executor, config: {max_steps: 3}, pipeline: '{{ inputs.made }}'}\n"
    )
    told = explain(load_pipeline(text), ROUTING)
    assert "  It may use 2,000 steps and US$ 0.5 at most; then it is interrupted.\n" in told
    assert "  If a step fails for good, whatever does not wait for it comes to its end first.\n" in told
    assert "It may use 9 tokens, 300 s and 2 levels of pipelines at most; then it is interrupted.\n" in told
    assert "It may use 5 s at most; then it is interrupted.\n" in told
    assert "They may use 3 steps at most; then they are interrupted.\n" in told


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            "operation: convert, source: a.csv, destination: b.json, format: csv_to_json",
            "turns a.csv into b.json (csv_to_json)",
        ),
        ("operation: stream_process, source: a.txt, processor: uppercase", "turns a.txt (uppercase)"),
        ("operation: validate, files: [{path: a}, {path: b}]", "checks a and b"),
        ("operation: exists, path: a", "looks whether a is there"),
    ],
)
def test_every_operation_on_files_is_told_with_its_files(given: str, told: str) -> None:
    text = f"name: x\nsteps:\n  - {{name: f, type: file_ops, {given}}}\n"
    assert f"'f' {told}." in explain(load_pipeline(text), ROUTING)


def test_a_loop_is_told_with_what_is_inside() -> None:
    text = (
        "name: x\nsteps:\n  - name: l\n    type: for_loop\n    data_source: [1, 2]\n    parallel: true\n"
        "    steps: [{name: q, type: claude, prompt: hi}]\n"
    )
    told = explain(load_pipeline(text), ROUTING)
    assert "'l' goes over [1, 2], up to 5 passes side by side, ending at the first failed pass." in told
    assert "     For each item of [1, 2]:\n       1. 'q' asks anthropic (big).\n" in told


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "type: claude_batch, tasks: [{prompt: x}], files: '*.txt', prompt: y, batch_config: {max_parallel: 4}",
            "asks anthropic (big) 1 question and one for each file of *.txt, 4 at once.",
        ),
        (
            "type: claude_robust, prompt: x, retry_config: {max_retries: 2, fallback_action: simplified_prompt}",
            "asks anthropic (big), up to 3 times; when that does not help, it asks once more, in short.",
        ),
        (
            "type: claude_session, prompt: x, session_config: {session_name: tutor}",
            "asks anthropic (big) the next thing in the conversation 'tutor' (its last 50 turns go along).",
        ),
        (
            "type: gemini, prompt: x, functions: [{name: look, returns: 1}], max_rounds: 2",
            "asks offline (rules), which may call look in up to 2 rounds.",
        ),
        (
            "type: pipeline_executor, pipeline: '{{ inputs.p }}'",
            "runs the pipeline that {{ inputs.p }} is; checked before it runs, 200 steps and 300 s at most.",
        ),
        (
            "type: claude, prompt: x, context: {on_overflow: truncate, max_input_tokens: 1000}",
            "A question that is too large (more than 1,000 tokens) is cut, what it refers to before what is written",
        ),
        ("type: checkpoint", "waits for everything before it, and holds back everything behind it."),
        ("type: codebase_query, queries: {a: {find_files: {type: main}}}", "reads the source files of"),
    ],
)
def test_every_type_is_told_in_its_own_words(step: str, told: str) -> None:
    assert told in explain(load_pipeline(f"name: x\nsteps:\n  - {{name: a, {step}}}\n"), ROUTING)


@pytest.mark.parametrize("file", sorted((ROOT / "pipelines").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_pipeline_can_be_told(file: Path) -> None:
    pipeline = load_pipeline(file.read_bytes(), source=str(file))
    told = explain(pipeline, ROUTING)
    assert all(f"'{step.name}'" in told for step in pipeline.steps)
