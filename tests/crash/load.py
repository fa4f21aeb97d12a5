"""The load: a pipeline of every shape that asks, each call marked `call-<run>-<name>`, and what its run must give."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = """
name: line
inputs: {n: {type: integer}}
steps:
  - {name: a, type: claude, prompt: "call-{{inputs.n}}-a", on_error: fail}
  - {name: b, type: claude, prompt: "{{steps.a.text}} and call-{{inputs.n}}-b", on_error: fail}
  - {name: end, type: test_echo, value: "{{steps.b.text}}"}
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
      - {name: one, type: claude, prompt: "call-{{inputs.n}}-l{{loop.item}}", on_error: fail}
      - name: add
        type: set_variable
        depends_on: [one]
        variables: {sum: "{{state.sum + loop.item * inputs.n}}"}
  - {name: end, type: test_echo, value: "{{state.sum}}", depends_on: [each]}
"""
_BATCH = """
name: batch
inputs: {n: {type: integer}}
steps:
  - name: each
    type: claude_batch
    on_error: fail
    tasks:
      - {id: p, prompt: "call-{{inputs.n}}-p"}
      - {id: q, prompt: "call-{{inputs.n}}-q"}
      - {id: r, prompt: "call-{{inputs.n}}-r"}
      - {id: s, prompt: "call-{{inputs.n}}-s"}
    batch_config: {max_parallel: 2, success_policy: all}
  - {name: end, type: test_echo, value: "{{steps.each.successful_tasks}}"}
"""
_PARALLEL = """
name: parallel
inputs: {n: {type: integer}}
steps:
  - name: all
    type: parallel_claude
    on_error: fail
    max_parallel: 2
    parallel_tasks:
      - {id: x, prompt: "call-{{inputs.n}}-x"}
      - {id: y, prompt: "call-{{inputs.n}}-y"}
      - {id: z, prompt: "call-{{inputs.n}}-z"}
  - name: end
    type: test_echo
    value: >-
      {{steps.all.individual_results.x.text}},{{steps.all.individual_results.y.text}},{{steps.all.individual_results.z.text}}
"""
_NESTED = """
name: nested
inputs: {n: {type: integer}}
steps:
  - name: inner
    type: pipeline
    inputs: {m: "{{inputs.n}}"}
    outputs: [{path: ask.text, as: said}]
    on_error: fail
    pipeline:
      name: child
      inputs: {m: {type: integer}}
      steps:
        - {name: ask, type: claude, prompt: "call-{{inputs.m}}-i", on_error: fail}
        - {name: again, type: claude, prompt: "call-{{inputs.m}}-j", depends_on: [ask], on_error: fail}
  - {name: end, type: test_echo, value: "{{steps.inner.said}}"}
"""
_TALK = """
name: talk
inputs: {n: {type: integer}}
steps:
  - name: hello
    type: claude_session
    prompt: "call-{{inputs.n}}-h"
    on_error: fail
    session_config: {session_name: "talk {{inputs.n}}"}
  - name: goodbye
    type: claude_session
    prompt: "call-{{inputs.n}}-g"
    on_error: fail
    depends_on: [hello]
    session_config: {session_name: "talk {{inputs.n}}"}
  - {name: end, type: test_echo, value: "{{steps.goodbye.claude_session_metadata.turn}} {{steps.goodbye.text}}"}
"""
_DEEP = """
name: deep
inputs: {n: {type: integer}}
steps:
  - name: each
    type: for_loop
    data_source: [1, 2]
    steps:
      - name: inner
        type: pipeline
        inputs: {m: "{{inputs.n}}", i: "{{loop.item}}"}
        outputs: [{path: both.successful_tasks, as: count}]
        on_error: fail
        pipeline:
          name: grandchild
          inputs: {m: {type: integer}, i: {type: integer}}
          steps:
            - name: both
              type: claude_batch
              on_error: fail
              tasks:
                - {id: u, prompt: "call-{{inputs.m}}-d{{inputs.i}}u"}
                - {id: v, prompt: "call-{{inputs.m}}-d{{inputs.i}}v"}
              batch_config: {max_parallel: 2, success_policy: all}
  - {name: end, type: test_echo, value: "{{steps.each.iterations | length}}", depends_on: [each]}
"""
_ASKED = """
name: asked
inputs: {n: {type: integer}}
steps:
  - {name: a, type: claude, prompt: "call-{{inputs.n}}-q", on_error: fail}
  - {name: may, type: approval, message: "May {{inputs.n}} go on?", depends_on: [a], fields: {word: string}}
  - name: b
    type: claude
    prompt: "call-{{inputs.n}}-w"
    on_error: fail
    depends_on: [may]
  - {name: end, type: test_echo, value: "{{steps.may.data.word}} {{steps.b.text}}"}
"""
_BOUND = """
name: bound
inputs: {n: {type: integer}}
steps:
  - {name: a, type: claude, prompt: "call-{{inputs.n}}-m", max_tokens: 40, on_error: fail}
  - {name: end, type: test_echo, value: "{{steps.a.text}}"}
"""
#: What an answered question gets as its field `word`.
WORD = "yes"
#: The budget of all runs of `bound` together; the harness raises it, life by life, by too little for all of them.
BOUND = "pipeline/bound"
SOURCES: Mapping[str, str] = {
    "line": _LINE,
    "loop": _LOOP,
    "batch": _BATCH,
    "parallel": _PARALLEL,
    "nested": _NESTED,
    "talk": _TALK,
    "deep": _DEEP,
    "asked": _ASKED,
    "bound": _BOUND,
}
#: The names of each shape's calls, and the paths of the steps that its run records (parts of a step are below them).
CALLS: Mapping[str, tuple[str, ...]] = {
    "line": ("a", "b"),
    "loop": ("l1", "l2", "l3"),
    "batch": ("p", "q", "r", "s"),
    "parallel": ("x", "y", "z"),
    "nested": ("i", "j"),
    "talk": ("h", "g"),
    "deep": ("d1u", "d1v", "d2u", "d2v"),
    "asked": ("q", "w"),
    "bound": ("m",),
}
STEPS: Mapping[str, frozenset[str]] = {
    "line": frozenset({"a", "b", "end"}),
    "loop": frozenset({"start", "each", "end", *(f"each[{i}]/{s}" for i in range(3) for s in ("one", "add"))}),
    "batch": frozenset({"each", "end"}),
    "parallel": frozenset({"all", "end"}),
    "nested": frozenset({"inner", "inner/ask", "inner/again", "end"}),
    "talk": frozenset({"hello", "goodbye", "end"}),
    "deep": frozenset({"each", "end", *(f"each[{i}]/inner{s}" for i in range(2) for s in ("", "/both"))}),
    "asked": frozenset({"a", "may", "b", "end"}),
    "bound": frozenset({"a", "end"}),
}


@dataclass(frozen=True, slots=True)
class Order:
    """One request: made under its idempotency key as often as it takes until it is accepted."""

    number: int
    shape: str

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return f"order-{self.number}"

    @property
    def calls(self) -> frozenset[str]:
        """The marks of the calls it takes."""
        return frozenset(f"call-{self.number}-{name}" for name in CALLS[self.shape])

    @property
    def end(self) -> object:
        """What its step `end` gives, from a provider that answers `You said: <prompt>`."""
        n = self.number
        match self.shape:
            case "line":
                return f"You said: You said: call-{n}-a and call-{n}-b"
            case "loop":
                return 6 * n
            case "batch":
                return 4
            case "parallel":
                return ",".join(f"You said: call-{n}-{name}" for name in "xyz")
            case "nested":
                return f"You said: call-{n}-i"
            case "talk":
                return f"2 You said: call-{n}-g"
            case "deep":
                return 2
            case "asked":
                return f"{WORD} You said: call-{n}-w"
            case _:
                return f"You said: call-{n}-m"


def orders(rng: random.Random) -> list[Order]:
    """One of each shape, in random order, is a round; the caller draws rounds until it has enough."""
    shapes = list(SOURCES)
    rng.shuffle(shapes)
    return [Order(number, shape) for number, shape in enumerate(shapes)]
