"""Drawings show every step once, every wait once, and what is inside a step inside of it."""

from __future__ import annotations

import re

from pipelines.language import Pipeline, load_pipeline
from pipelines.tooling import draw_dot, draw_mermaid, draw_text

TEXT = """
name: do "it"
steps:
  - {name: end, type: claude, prompt: hi}
  - {name: b, type: claude, prompt: hi, condition: 'end.result == "x<y"'}
  - name: each
    type: for_loop
    iterator: note
    data_source: "{{ steps.end.files }}"
    steps:
      - {name: end2, type: claude, prompt: "{{ loop.note }}"}
      - {name: c, type: claude, prompt: "{{ steps.end2.result }}"}
  - {name: last, type: claude, prompt: "{{ steps.b.result }} {{ steps.each.iterations }}"}
"""


def made() -> Pipeline:
    return load_pipeline(TEXT)


def test_text_shows_rounds_waits_conditions_and_loops() -> None:
    assert draw_text(made()).splitlines() == [
        'do "it"',
        "├─ 1 ─ end   claude",
        '├─ 2 ┬ b     claude  ← end  if end.result == "x<y"',
        "│    └ each  for_loop  ← end",
        "│        ┊ for each note of {{ steps.end.files }}",
        "│        ├─ 1 ─ end2  claude",
        "│        └─ 2 ─ c     claude  ← end2",
        "└─ 3 ─ last  claude  ← b, each",
    ]


def test_mermaid_has_an_arrow_for_each_wait_and_no_name_as_an_id() -> None:
    drawn = draw_mermaid(made())
    assert drawn.startswith("flowchart TD\n")
    assert sorted(re.findall(r"(s\d) --> (s\d)", drawn)) == [
        ("s0", "s1"),
        ("s0", "s2"),
        ("s1", "s3"),
        ("s2", "s3"),
        ("s4", "s5"),
    ]
    assert "s2 -.-> s4" in drawn
    assert 's1{{"b<br/>claude<br/>if end.result == #quot;x#lt;y#quot;"}}' in drawn
    assert drawn.count("subgraph") == drawn.count("\n  end\n") == 1


def test_dot_escapes_names_and_balances_its_braces() -> None:
    drawn = draw_dot(made())
    assert drawn.startswith('digraph "do \\"it\\"" {')
    assert "s0 -> s1;" in drawn
    assert "s2 -> s4 [style=dashed];" in drawn
    outside = re.sub(r'"(\\.|[^"\\])*"', "", drawn)
    assert outside.count("{") == outside.count("}")


def test_an_inline_pipeline_is_drawn_inside_its_step() -> None:
    text = (
        "name: x\nsteps:\n"
        "  - name: p\n    type: pipeline\n    pipeline: {name: q, steps: [{name: a, type: test_echo}]}\n"
    )
    assert "┊ pipeline q\n" in draw_text(load_pipeline(text))
