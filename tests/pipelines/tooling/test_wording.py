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
        "     If it fails 3 times, the run fails.",
        "     Its result is also written to outputs/c.md.",
        "",
        "Where the results go:",
        "  - c: the result of step 'c'",
        "  - first: a.text",
        "  - files: below ./workspace, unless the caller names another directory",
    ]


def test_a_loop_is_told_with_what_is_inside() -> None:
    text = (
        "name: x\nsteps:\n  - name: l\n    type: for_loop\n    data_source: [1, 2]\n    parallel: true\n"
        "    steps: [{name: q, type: claude, prompt: hi}]\n"
    )
    told = explain(load_pipeline(text), ROUTING)
    assert "'l' goes over [1, 2], up to 5 passes side by side, ending at the first failed pass." in told
    assert "     For each item of [1, 2]:\n       1. 'q' asks anthropic (big).\n" in told


@pytest.mark.parametrize("file", sorted((ROOT / "pipelines").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_pipeline_can_be_told(file: Path) -> None:
    pipeline = load_pipeline(file.read_bytes(), source=str(file))
    told = explain(pipeline, ROUTING)
    assert all(f"'{step.name}'" in told for step in pipeline.steps)
