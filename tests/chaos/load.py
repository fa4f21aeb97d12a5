"""The load: pipelines of every shape, each with what it must give when it succeeds."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actors.runs import RunRequest
from pipelines.language import Pipeline, load_pipeline

_LINE = """
name: line
inputs: {n: {type: integer}}
steps:
  - {name: a, type: test_echo, value: "{{inputs.n + 1}}"}
  - {name: b, type: test_echo, value: "{{steps.a * 2}}", delay_s: 0.01}
  - {name: end, type: test_echo, value: "{{steps.b - 1}}"}
"""
_DIAMOND = """
name: diamond
inputs: {n: {type: integer}}
steps:
  - {name: a, type: test_echo, value: "{{inputs.n}}"}
  - {name: l, type: test_echo, value: "{{steps.a + 1}}", delay_s: 0.02}
  - {name: r, type: test_echo, value: "{{steps.a + 2}}", delay_s: 0.005}
  - {name: end, type: test_echo, value: "{{steps.l * steps.r}}"}
"""
_LOOP = """
name: loop
inputs: {n: {type: integer}}
steps:
  - {name: start, type: set_variable, variables: {sum: 0}}
  - name: each
    type: for_loop
    data_source: [1, 2, 3]
    depends_on: [start]
    steps:
      - {name: one, type: test_echo, value: "{{loop.item * inputs.n}}", delay_s: 0.003}
      - {name: add, type: set_variable, variables: {sum: "{{state.sum + steps.one}}"}}
  - {name: end, type: test_echo, value: "{{state.sum}}", depends_on: [each]}
"""
_NESTED = """
name: nested
inputs: {n: {type: integer}}
steps:
  - name: inner
    type: pipeline
    inputs: {m: "{{inputs.n}}"}
    outputs: [{path: double, as: d}]
    pipeline:
      name: child
      inputs: {m: {type: integer}}
      steps:
        - {name: double, type: test_echo, value: "{{inputs.m * 2}}", delay_s: 0.005}
  - {name: end, type: test_echo, value: "{{steps.inner.d + 1}}"}
"""
_ASKING = """
name: asking
inputs: {n: {type: integer}}
steps:
  - {name: a, type: claude, prompt: "one {{inputs.n}}", retry: {max_attempts: 8, base_delay_s: 0}, on_error: fail}
  - {name: end, type: gemini, prompt: "two {{steps.a.text}}", retry: {max_attempts: 8, base_delay_s: 0}, on_error: fail}
"""
_HEALED = """
name: healed
inputs: {n: {type: integer}}
steps:
  - {name: a, type: claude, prompt: "[[down]] {{inputs.n}}", retry: {max_attempts: 2, base_delay_s: 0.002}}
  - {name: end, type: test_echo, value: "{{inputs.n}}", depends_on: [a]}
"""
SOURCES = {"line": _LINE, "diamond": _DIAMOND, "loop": _LOOP, "nested": _NESTED, "asking": _ASKING, "healed": _HEALED}
PIPELINES: Mapping[str, Pipeline] = {name: load_pipeline(text) for name, text in SOURCES.items()}


@dataclass(frozen=True)
class Order:
    """One request and the value its step `end` must have when the run succeeds."""

    request: RunRequest
    expected: Any


def answer_to(prompt: str) -> str:
    """What a provider of this world answers."""
    return f"<{prompt}>"


def expected_end(name: str, n: int) -> Any:
    """What step `end` gives for the input `n`."""
    match name:
        case "line":
            return (n + 1) * 2 - 1
        case "diamond":
            return (n + 1) * (n + 2)
        case "loop":
            return 6 * n
        case "nested":
            return 2 * n + 1
        case "asking":
            return answer_to(f"two {answer_to(f'one {n}')}")
        case _:
            return n


def orders(rng: random.Random, count: int, workspace: str) -> list[Order]:
    """`count` requests of random shapes."""
    made: list[Order] = []
    for number in range(count):
        name = rng.choice(list(SOURCES))
        n = rng.randrange(100)
        request = RunRequest(f"c{number}", PIPELINES[name], {"n": n}, workspace, SOURCES[name])
        made.append(Order(request, expected_end(name, n)))
    return made
