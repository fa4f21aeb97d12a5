"""Conditions and templates once compiled: how many a second."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from jinja2 import Environment, StrictUndefined

from pipelines.language import Scope, evaluate, render

VALUES: dict[str, Any] = {
    "inputs": {"topic": "bees", "n": 5},
    "steps": {"draft": {"result": "all about bees", "score": 7}},
    "state": {"turn": 3},
}
SCOPE = Scope(inputs=VALUES["inputs"], steps=VALUES["steps"], state=VALUES["state"])

CONDITIONS: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("steps.draft.score > 5", lambda v: v["steps"]["draft"]["score"] > 5),
    (
        "steps.draft.result contains 'bees' and inputs.n >= 3",
        lambda v: "bees" in v["steps"]["draft"]["result"] and v["inputs"]["n"] >= 3,
    ),
    (
        "not (state.turn == 1) or length(steps.draft.result) < 10",
        lambda v: v["state"]["turn"] != 1 or len(v["steps"]["draft"]["result"]) < 10,
    ),
)
TEMPLATES = (
    "{{ steps.draft.score }}",
    "About {{inputs.topic}}: {{steps.draft.result}}",
    "{{ inputs.topic | upper }}, turn {{ state.turn + 1 }}",
)


def conditions(count: int) -> dict[str, float]:
    """Evaluations a second over `count` of them, and Python functions written for the same three conditions."""
    each = max(1, count // len(CONDITIONS))
    for text, function in CONDITIONS:
        if evaluate(text, SCOPE) != function(VALUES):
            raise RuntimeError(f"{text} does not mean what its baseline means")
    started = perf_counter()
    for text, _ in CONDITIONS:
        for _ in range(each):
            evaluate(text, SCOPE)
    ours = perf_counter() - started
    started = perf_counter()
    for _, function in CONDITIONS:
        for _ in range(each):
            function(VALUES)
    theirs = perf_counter() - started
    return {
        "per_s": each * len(CONDITIONS) / ours,
        "python_per_s": each * len(CONDITIONS) / theirs,
        "ratio_to_python": ours / theirs,
    }


def templates(count: int) -> dict[str, float]:
    """Renders a second over `count` of them, and Jinja2's own with its compiled templates kept."""
    each = max(1, count // len(TEMPLATES))
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    compiled = [environment.from_string(text) for text in TEMPLATES]
    for text, plain in zip(TEMPLATES, compiled, strict=True):
        if str(render(text, SCOPE)) != plain.render(VALUES):
            raise RuntimeError(f"{text} does not mean what it means to Jinja2")
    started = perf_counter()
    for text in TEMPLATES:
        for _ in range(each):
            render(text, SCOPE)
    ours = perf_counter() - started
    started = perf_counter()
    for plain in compiled:
        for _ in range(each):
            plain.render(VALUES)
    theirs = perf_counter() - started
    return {
        "per_s": each * len(TEMPLATES) / ours,
        "jinja_per_s": each * len(TEMPLATES) / theirs,
        "ratio_to_jinja": ours / theirs,
    }
