"""Pipelines for the genetics tests, and a hypothesis strategy that makes more."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipelines.language import Pipeline, build_pipeline

REVIEW: dict[str, Any] = {
    "name": "review",
    "inputs": {"topic": {"type": "string"}},
    "steps": [
        {"name": "plan", "type": "gemini", "prompt": "Plan a review. Be brief. About {{inputs.topic}} now."},
        {"name": "facts", "type": "claude_extract", "prompt": "Facts of {{steps.plan.result}}", "schema": {"f": ["a"]}},
        {
            "name": "parts",
            "type": "parallel_claude",
            "parallel_tasks": [{"id": "a", "prompt": "First. {{steps.plan.result}}"}, {"id": "b", "prompt": "Second."}],
        },
        {
            "name": "report",
            "type": "claude_smart",
            "prompt": [
                {"type": "static", "content": "Write it up. Use {{inputs.topic}}."},
                {"type": "previous_response", "step": "facts"},
            ],
            "depends_on": ["parts"],
        },
    ],
    "outputs": ["report"],
}


def review() -> Pipeline:
    """Four steps with two providers, a schema, parallel tasks and prompt parts."""
    return build_pipeline(REVIEW)


_words = st.sampled_from(["Say what matters.", "Be brief. Be exact.", "List three things\nand stop.", "Why?"])


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """Chains and fans of provider steps, variables, transforms and loops."""
    count = draw(st.integers(1, 6))
    steps: list[dict[str, Any]] = []
    for index in range(count):
        name = f"s{index}"
        kind = draw(st.sampled_from(["claude", "claude_smart", "gemini", "claude_extract", "set_variable", "for_loop"]))
        text = draw(_words)
        if steps and draw(st.booleans()):
            text += f" From {{{{steps.{draw(st.sampled_from([s['name'] for s in steps]))}}}}}"
        step: dict[str, Any] = {"name": name, "type": kind}
        match kind:
            case "set_variable":
                step["variables"] = {draw(st.sampled_from(["x", "y"])): text}
            case "for_loop":
                step |= {
                    "data_source": [1, 2],
                    "steps": [{"name": "inner", "type": "claude", "prompt": "{{loop.item}} is."}],
                }
            case "claude_extract":
                step |= {"prompt": text, "schema": {"found": ["things"]}}
            case _:
                step["prompt"] = text
                if draw(st.booleans()):
                    step["max_tokens"] = draw(st.sampled_from([100, 512]))
                if draw(st.booleans()):
                    step["condition"] = "inputs.go == true"
        steps.append(step)
    data: dict[str, Any] = {"name": "made", "inputs": {"go": {"type": "boolean", "default": True}}, "steps": steps}
    if draw(st.booleans()):
        data["outputs"] = [steps[-1]["name"]]
    return build_pipeline(data)
